// Predicts how long a function runs: from its earlier runs, else from its time limit, else from all
// functions of the site.

import { type Command, wordsOf } from "../../model/invocation.js";
import { remember } from "../../model/remember.js";

/** A quarter of an octave per bin from 1 ms on: a run time is known to 19 %. */
const binsPerOctave = 4;
/** 2^31 ms, the longest time limit. */
const maxBin = 31 * binsPerOctave;
/**
 * The most functions remembered, some 100 bytes each; the least recently run is forgotten first.
 */
const maxFunctions = 5_000;
/** Half of a function's work. */
const usualQuantile = 0.5;
/**
 * A run that reached an octave which no known run reached is expected to take up to this multiple.
 */
const longerTimes = 2;
/** Runs of a function before its own history counts. */
const minimumRuns = 3;
/** Runs of all functions before they serve as a prediction for an unknown one. */
const minimumSiteRuns = 30;
/** At this many runs the counts are halved, so that a changed function is learned again. */
const maxRuns = 200;
const maxSiteRuns = 10_000;
/**
 * A node that has become slow is believed within a run, one that has become quick after some
 * hundred calls: what does not fit goes back to the queue. A single long call counts as 10 ms.
 */
const paceWeight = { slower: 0.02, quicker: 0.005 };
const longestPaceMs = 10;
/** For an unknown function, a long run is assumed. */
const siteQuantile = 0.9;
/** How much of a script is hashed: 4 µs for each of an array's thousands of tasks. */
const hashedLength = 4_096;

export interface RuntimePolicy {
  /** The limit of submissions that set none: it says nothing about the function. */
  readonly defaultTimeLimitMs: number;
  /** The share of a function's runs that the expected run time covers. */
  readonly quantile: number;
}

/** Run times are learned per user, command and name. */
export function functionKey(user: string, name: string, command: Command): string {
  // For `python3 fit.py 17`, the program and its script, without what differs from call to call.
  const text = command.kind === "script" ? command.body : wordsOf(command).slice(0, 2).join(" ");
  return `${user}/${name.slice(0, 64)}/${hash(text)}`;
}

/**
 * FNV-1a of the beginning, and the length. Functions of the same user that collide are merged,
 * which does no harm.
 */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let at = 0; at < Math.min(text.length, hashedLength); at++)
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return `${(value >>> 0).toString(36)}.${text.length.toString(36)}`;
}

/**
 * The requested length: the one that this share of the runs, or of the time spent in them, does not
 * exceed.
 */
interface Asked {
  readonly quantile: number;
  readonly of: "runs" | "work";
}

/**
 * Limits of days say little about the length of a run: a function of which nothing is known is not
 * kept waiting for a hole of that length.
 */
const longestAssumedMs = 3_600_000;

/** The length of many runs together follows from their mean, also below a millisecond. */
export interface OwnRuns {
  readonly count: number;
  readonly meanMs: number;
}

export class RuntimeModel {
  /** Ordered by last run. */
  private readonly functions = new Map<string, Histogram>();
  private site = new Histogram(new Map());

  constructor(private readonly policy: RuntimePolicy) {}

  get learnedFunctions(): number {
    return this.functions.size;
  }

  /**
   * Learns from a run that ended by itself; evicted and cancelled runs say too little. `paceMs`:
   * from the end of another one in its place; null if unknown.
   */
  record(key: string, wallMs: number, paceMs: number | null = null): void {
    const known = this.functions.get(key) ?? new Histogram(new Map());
    remember(this.functions, key, known, maxFunctions);
    known.add(wallMs, maxRuns);
    if (paceMs !== null) known.followed(Math.min(paceMs, longestPaceMs));
    this.site.add(wallMs, maxSiteRuns);
  }

  /**
   * The milliseconds that a run is expected to take, at most its limit; after an eviction at
   * `ranMs`, longer than that. Takes few values for each key and reachedBin(ranMs), so that waiting
   * invocations can be grouped by it.
   */
  expectedMs(key: string, timeLimitMs: number, ranMs = 0): number {
    return this.learnedMs(key, timeLimitMs, ranMs, { quantile: this.policy.quantile, of: "runs" });
  }

  /**
   * Half of the function's work is in runs no longer than this: for decisions about much work,
   * whereas expectedMs is on the safe side for one run.
   */
  usualMs(key: string, timeLimitMs: number, ranMs = 0): number {
    return this.learnedMs(key, timeLimitMs, ranMs, { quantile: usualQuantile, of: "work" });
  }

  /** The runs of the function itself; null until they serve as a prediction. */
  ownRuns(key: string): OwnRuns | null {
    const known = this.functions.get(key);
    if (known === undefined || known.total < minimumRuns) return null;
    return { count: known.total, meanMs: known.meanMs };
  }

  private learnedMs(key: string, timeLimitMs: number, ranMs: number, asked: Asked): number {
    const known = this.functions.get(key);
    if (known !== undefined && known.total >= minimumRuns)
      return Math.min(timeLimitMs, known.lengthMs(asked, ranMs));
    if (timeLimitMs === this.policy.defaultTimeLimitMs && this.site.total >= minimumSiteRuns)
      return Math.min(timeLimitMs, this.site.lengthMs({ ...asked, quantile: siteQuantile }, ranMs));
    return Math.min(timeLimitMs, Math.max(longestAssumedMs, 2 * ranMs));
  }

  /** Plain JSON of at most about 1 MB. */
  toJson(): string {
    return JSON.stringify({
      site: this.site.plain(),
      functions: [...this.functions].map(([key, histogram]) => [key, histogram.plain()]),
    });
  }

  /** Reads what toJson wrote; returns null for anything else. */
  static fromJson(json: string, policy: RuntimePolicy): RuntimeModel | null {
    const model = new RuntimeModel(policy);
    try {
      const plain = JSON.parse(json) as { site: unknown; functions: [unknown, unknown][] };
      model.site = Histogram.of(plain.site);
      for (const [key, histogram] of plain.functions.slice(-maxFunctions))
        model.functions.set(String(key), Histogram.of(histogram));
    } catch {
      return null;
    }
    return model;
  }
}

/**
 * The octave that an evicted run reached, as its first bin: runs that reached the same octave are
 * expected to take equally long.
 */
export const reachedBin = (ranMs: number): number =>
  ranMs < 1 ? 0 : Math.min(maxBin, Math.floor(Math.log2(ranMs)) * binsPerOctave);

const lengthBin = (wallMs: number): number =>
  Math.min(maxBin, Math.ceil(Math.log2(Math.max(1, wallMs)) * binsPerOctave));

const upperEdgeMs = (bin: number): number => Math.ceil(2 ** (bin / binsPerOctave));

/** Counts run times in bins of equal ratio. */
class Histogram {
  total = 0;
  /** What runs one after another took, with all that was between them: counts in the first bin. */
  private paceMs: number | null = null;
  /**
   * Cached answers since the last change, by the reached bin and the request: placement asks in
   * every round.
   */
  private readonly quantiles = new Map<number, number>();
  /** As the quantiles: null after a change. */
  private mean: number | null = null;

  constructor(private readonly counts: Map<number, number>) {
    for (const count of counts.values()) this.total += count;
  }

  add(wallMs: number, maxTotal: number): void {
    this.quantiles.clear();
    this.mean = null;
    const bin = lengthBin(wallMs);
    this.counts.set(bin, (this.counts.get(bin) ?? 0) + 1);
    this.total += 1;
    if (this.total > maxTotal) this.halve();
  }

  followed(paceMs: number): void {
    this.paceMs ??= paceMs;
    const { slower, quicker } = paceWeight;
    this.paceMs += (paceMs - this.paceMs) * (paceMs > this.paceMs ? slower : quicker);
  }

  /**
   * The upper edge of the bin that contains that length, among runs that lasted at least as long as
   * `ranMs`.
   */
  lengthMs(asked: Asked, ranMs: number): number {
    const least = reachedBin(ranMs);
    const key = 4 * least + (asked.of === "work" ? 2 : 0) + asked.quantile;
    let answer = this.quantiles.get(key);
    if (answer === undefined) {
      answer = this.computeMs(asked, least);
      this.quantiles.set(key, answer);
    }
    return answer;
  }

  private computeMs({ quantile, of }: Asked, least: number): number {
    const bins = [...this.counts]
      .filter(([bin]) => bin >= least)
      .sort(([left], [right]) => left - right)
      .map(([bin, count]) => ({ bin, weight: of === "work" ? count * upperEdgeMs(bin) : count }));
    let left = quantile * bins.reduce((sum, { weight }) => sum + weight, 0);
    for (const { bin, weight } of bins) {
      left -= weight;
      if (left <= 0) return upperEdgeMs(bin);
    }
    return longerTimes * upperEdgeMs(least);
  }

  get meanMs(): number {
    this.mean ??= this.computeMeanMs();
    return this.mean;
  }

  private computeMeanMs(): number {
    let sumMs = 0;
    for (const [bin, count] of this.counts)
      sumMs += count * (bin === 0 ? (this.paceMs ?? upperEdgeMs(0)) : upperEdgeMs(bin));
    return sumMs / this.total;
  }

  private halve(): void {
    this.total = 0;
    for (const [bin, count] of this.counts) {
      const half = Math.floor(count / 2);
      if (half === 0) this.counts.delete(bin);
      else this.counts.set(bin, half);
      this.total += half;
    }
  }

  plain(): [number, number][] {
    return [...this.counts];
  }

  static of(plain: unknown): Histogram {
    const counts = new Map(plain as [number, number][]);
    for (const [bin, count] of counts)
      if (
        !Number.isInteger(bin) ||
        bin < 0 ||
        bin > maxBin ||
        !Number.isInteger(count) ||
        count < 1
      )
        throw new RangeError("not a stored run time model");
    return new Histogram(counts);
  }
}
