// The rounds of this benchmark and the figures that follow from them.

import { measuredPercentiles, median, medianRatio, rounded } from "../lib/harness.js";

/** One system with one kind of no-op. */
export interface Subject {
  readonly name: string;
  readonly tasks: number;
  /** Milliseconds until all tasks have returned. */
  readonly run: () => Promise<number> | number;
}

/** V8 has compiled gleanerd's code after some 12,000 calls, which take it 3 seconds. */
const warmUpMs = 5_000;

/** Runs each subject again and again, as long as any other, so that the code of all is compiled. */
export async function warmUp(subjects: readonly Subject[]): Promise<void> {
  for (const { run } of subjects)
    for (let elapsedMs = 0; elapsedMs < warmUpMs; ) elapsedMs += await run();
}

export class Rounds {
  /** Milliseconds for each task, of each round. */
  private readonly perTaskMs = new Map<string, number[]>();

  /** Runs each subject once, in turn. */
  async add(subjects: readonly Subject[]): Promise<void> {
    for (const { name, tasks, run } of subjects) {
      const elapsedMs = await run();
      this.perTaskMs.set(name, [...this.of(name), elapsedMs / tasks]);
    }
  }

  perSecond(name: string): number {
    return rounded(1_000 / median(this.of(name)), 0);
  }

  /** How many times as many tasks a second `left` does as `right`; null if one was not measured. */
  ratio(left: string, right: string): number | null {
    if (this.of(left).length === 0 || this.of(right).length === 0) return null;
    return rounded(medianRatio(this.of(right), this.of(left)));
  }

  get summary(): string {
    return [...this.perTaskMs.keys()].map((name) => `${name} ${this.perSecond(name)}`).join(", ");
  }

  private of(name: string): readonly number[] {
    return this.perTaskMs.get(name) ?? [];
  }
}

/** What the result must reach, as [ours, theirs, how many times as many]. */
const bars = [
  ["map", "bullmq", 2],
  ["map", "hyperqueue", 1],
  ["pythonMap", "dask", 3],
  ["pythonMap", "parsl", 3],
  ["exec", "xargs", 0.6],
  ["exec", "sbatchArray", 10],
] as const;

/** A bar whose peer is missing is not met. */
export function barsOf(rounds: Rounds) {
  const each = bars.map(([ours, theirs, bar]) => {
    const ratio = rounds.ratio(ours, theirs);
    return { ours, theirs, ratio, bar, isMet: ratio !== null && ratio >= bar };
  });
  return { bars: each, withinBars: each.every(({ isMet }) => isMet) };
}

export function callFigures(perSecond: number, tookMs: readonly number[]) {
  const { p50, p99 } = measuredPercentiles("a call", tookMs);
  return { perSecond, p50ms: rounded(p50), p99ms: rounded(p99) };
}
