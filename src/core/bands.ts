// Which holes each group of the waiting should have while there is room for few of them: short work young ones, long work lasting ones.

import type { Waiting } from "./queue.js";

/** Those that wait in one group, and how long each of them usually runs. */
export interface WaitingGroup {
  readonly head: Waiting;
  readonly size: number;
  readonly usualMs: number;
}

/** Cores, free or not, in holes that are expected to last about as long. */
export interface Lasting {
  readonly lifeMs: number;
  readonly cores: number;
}

/** A part of all that is ordered by length, from the shortest (0) to the longest (1). */
export interface Band {
  readonly from: number;
  readonly to: number;
}

/** Lives in bins of a quarter of an octave; the last is open and begins at about 35 years. */
const binsPerOctave = 4;
const binCount = 40 * binsPerOctave;
/** A site's day has its hours: what was six of them ago counts a third. */
const halfLifeMs = 4 * 3_600_000;

/** For how long holes were expected to last here of late: core-time by expected life, older counted less. */
export class Lives {
  private readonly coreMs = new Float64Array(binCount);
  private lookedAtMs: number | null = null;
  /** By bin, until the next look. */
  private bands: (Band | undefined)[] = [];

  /** What there is at `nowMs`; it counts for the time since the last look. */
  look(slots: readonly Lasting[], nowMs: number): void {
    const { lookedAtMs } = this;
    if (lookedAtMs !== null && nowMs <= lookedAtMs) return;
    // The first look, or one after a long pause, must not outweigh all that follows.
    const passedMs = lookedAtMs === null ? 1 : Math.min(nowMs - lookedAtMs, halfLifeMs);
    const keep = 0.5 ** (passedMs / halfLifeMs);
    for (let bin = 0; bin < binCount; bin++) this.coreMs[bin]! *= keep;
    for (const { lifeMs, cores } of slots) this.coreMs[binOf(lifeMs)]! += cores * passedMs;
    this.lookedAtMs = nowMs;
    this.bands = [];
  }

  /** Where holes of about this life stand among all. */
  bandOf(lifeMs: number): Band {
    const bin = binOf(lifeMs);
    let band = this.bands[bin];
    if (band === undefined) {
      const sum = (coreMs: Float64Array) => coreMs.reduce((total, each) => total + each, 0);
      const all = sum(this.coreMs);
      const from = all === 0 ? 0 : sum(this.coreMs.subarray(0, bin)) / all;
      const to = all === 0 ? 1 : from + this.coreMs[bin]! / all;
      band = { from, to };
      this.bands[bin] = band;
    }
    return band;
  }
}

const binOf = (lifeMs: number): number =>
  Math.min(binCount - 1, Math.floor(Math.log2(Math.max(0, lifeMs) + 1) * binsPerOctave));

/**
 * Lays the waiting work, shortest first, beside the core-time of late, in shortest-lived holes first. What evictions cost is, summed
 * over cores, how likely the hole closes times how long what runs there has run; such a sum is least when the two are in opposite
 * order. A group's band is as wide as its share of the waiting work, so what was passed over gets more: none starves.
 */
export class Bands {
  private readonly ofUsual = new Map<number, Band>();

  constructor(
    groups: readonly WaitingGroup[],
    private readonly lives: Lives,
  ) {
    const work = groups
      .map(({ head, size, usualMs }) => ({ usualMs, coreMs: size * head.cores * usualMs }))
      .sort((left, right) => left.usualMs - right.usualMs);
    const all = work.reduce((sum, { coreMs }) => sum + coreMs, 0);
    let from = 0;
    for (const { usualMs, coreMs } of work) {
      const to = from + (all === 0 ? 1 : coreMs / all);
      this.ofUsual.set(usualMs, { from: this.ofUsual.get(usualMs)?.from ?? from, to });
      from = to;
    }
  }

  /** Whether work that usually runs this long should have holes that are expected to last this long. */
  suits(usualMs: number, lifeMs: number): boolean {
    const work = this.ofUsual.get(usualMs);
    if (work === undefined) return false;
    const life = this.lives.bandOf(lifeMs);
    const from = Math.max(work.from, life.from);
    const to = Math.min(work.to, life.to);
    // Next to each other is not enough, unless one of them is but a point.
    return from < to || (from === to && (work.from === work.to || life.from === life.to));
  }
}
