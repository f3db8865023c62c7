// For how long a function is expected to run: learned from its earlier runs, else its time limit, else what functions here do.

import type { Command } from "../../model/invocation.js";

/** A quarter of an octave a bin from 1 ms on: a run time is known to 19 %. */
const binsPerOctave = 4;
/** 2^31 ms, the longest time limit. */
const maxBin = 31 * binsPerOctave;
/** Functions remembered, the least recently run forgotten first: some 100 bytes each. */
const maxFunctions = 5_000;
/** Half of a function's work. */
const usualQuantile = 0.5;
/** What reached an octave that no known run did is expected to end with it. */
const longerTimes = 2;
/** Runs before a function's own are believed. */
const minimumRuns = 3;
/** Runs of any functions before they say what an unknown one may do. */
const minimumSiteRuns = 30;
/** Runs are forgotten by halves at this many, so that a function that changed is known anew. */
const maxRuns = 200;
const maxSiteRuns = 10_000;
/** Of a function that was never seen the worse should be expected. */
const siteQuantile = 0.9;
/** How much of a script tells it from others: 4 µs, for each of an array's thousands of tasks. */
const hashedLength = 4_096;

export interface RuntimePolicy {
  /** What a submission without a limit got: it says nothing about the function. */
  readonly defaultTimeLimitMs: number;
  /** The share of a function's runs that the expected run time covers. */
  readonly quantile: number;
}

/** What is learned about is one user's command under one name. */
export function functionKey(user: string, name: string, command: Command): string {
  // `python3 fit.py 17`: the program and its script, not what differs from call to call.
  const text = command.kind === "script" ? command.body : command.argv.slice(0, 2).join(" ");
  return `${user}/${name.slice(0, 64)}/${hash(text)}`;
}

/** FNV-1a of the beginning, and the length: what collides is taken for the same function of the same user, no worse. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let at = 0; at < Math.min(text.length, hashedLength); at++)
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return `${(value >>> 0).toString(36)}.${text.length.toString(36)}`;
}

/** Which length: the one that this share of the runs, or of the time spent in them, does not exceed. */
interface Asked {
  readonly quantile: number;
  readonly of: "runs" | "work";
}

export class RuntimeModel {
  /** In the order of their last runs. */
  private readonly functions = new Map<string, Histogram>();
  private site = new Histogram(new Map());

  constructor(private readonly policy: RuntimePolicy) {}

  get learnedFunctions(): number {
    return this.functions.size;
  }

  /** Learns from a run that ended by itself; one that was evicted or cancelled says too little. */
  record(key: string, wallMs: number): void {
    const known = this.functions.get(key) ?? new Histogram(new Map());
    this.functions.delete(key);
    this.functions.set(key, known);
    known.add(wallMs, maxRuns);
    this.site.add(wallMs, maxSiteRuns);
    if (this.functions.size <= maxFunctions) return;
    const [oldest] = this.functions.keys();
    this.functions.delete(oldest!);
  }

  /**
   * Milliseconds that a run is expected to take, at most its limit; of one that was evicted after `ranMs`, which is longer than
   * that. One of few values for each key and reachedBin(ranMs), so that what waits can be grouped by it.
   */
  expectedMs(key: string, timeLimitMs: number, ranMs = 0): number {
    return this.learnedMs(key, timeLimitMs, ranMs, { quantile: this.policy.quantile, of: "runs" });
  }

  /**
   * Half of the function's work is in runs that take no longer: for what is weighed over much work, where expectedMs is to be on the
   * safe side for one run.
   */
  usualMs(key: string, timeLimitMs: number, ranMs = 0): number {
    return this.learnedMs(key, timeLimitMs, ranMs, { quantile: usualQuantile, of: "work" });
  }

  private learnedMs(key: string, timeLimitMs: number, ranMs: number, asked: Asked): number {
    const known = this.functions.get(key);
    if (known !== undefined && known.total >= minimumRuns)
      return Math.min(timeLimitMs, known.lengthMs(asked, ranMs));
    if (timeLimitMs === this.policy.defaultTimeLimitMs && this.site.total >= minimumSiteRuns)
      return Math.min(timeLimitMs, this.site.lengthMs({ ...asked, quantile: siteQuantile }, ranMs));
    return timeLimitMs;
  }

  /** Plain JSON of at most about 1 MB. */
  toJson(): string {
    return JSON.stringify({
      site: this.site.plain(),
      functions: [...this.functions].map(([key, histogram]) => [key, histogram.plain()]),
    });
  }

  /** What toJson wrote; anything else is as good as nothing: null. */
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

/** The octave that an evicted run had reached, as its first bin: what reached the same is expected to take as long. */
export const reachedBin = (ranMs: number): number =>
  ranMs < 1 ? 0 : Math.min(maxBin, Math.floor(Math.log2(ranMs)) * binsPerOctave);

const lengthBin = (wallMs: number): number =>
  Math.min(maxBin, Math.ceil(Math.log2(Math.max(1, wallMs)) * binsPerOctave));

const upperEdgeMs = (bin: number): number => Math.ceil(2 ** (bin / binsPerOctave));

/** Counts of run times in bins of equal ratio. */
class Histogram {
  total = 0;
  /** Answers since the last change, by what was reached and asked: placement asks in every round. */
  private readonly quantiles = new Map<number, number>();

  constructor(private readonly counts: Map<number, number>) {
    for (const count of counts.values()) this.total += count;
  }

  add(wallMs: number, maxTotal: number): void {
    this.quantiles.clear();
    const bin = lengthBin(wallMs);
    this.counts.set(bin, (this.counts.get(bin) ?? 0) + 1);
    this.total += 1;
    if (this.total > maxTotal) this.halve();
  }

  /** The upper edge of the bin in which that length lies, among runs that reached what `ranMs` did. */
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
        throw new RangeError("not what was learned");
    return new Histogram(counts);
  }
}
