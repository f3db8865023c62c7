// Summarises how fast batch jobs got their cores back, and which jobs began while functions may
// still have been there.

import type {
  Eviction,
  EvictionBin,
  Percentiles,
  Utilization,
  Violation,
} from "../../model/records/utilization.js";

/**
 * Upper bounds of the bins of the eviction histogram, in ms; one open bin follows. A job does not
 * notice 100 ms.
 */
const evictionBinsMs: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];

export function evictionFigures(
  evictions: readonly Eviction[],
): Pick<
  Utilization,
  | "evictions"
  | "evictedAttempts"
  | "lostToEvictionCoreMs"
  | "evictMs"
  | "evictHistogram"
  | "violations"
> {
  const tookMs = evictions.map((eviction) => eviction.tookMs).sort((a, b) => a - b);
  return {
    evictions: evictions.length,
    evictedAttempts: evictions.reduce((sum, { attempts }) => sum + attempts, 0),
    lostToEvictionCoreMs: evictions.reduce((sum, { lostCoreMs }) => sum + lostCoreMs, 0),
    evictMs: percentiles(tookMs),
    evictHistogram: evictionHistogram(tookMs),
    violations: violationsOf(evictions),
  };
}

/** Returns null if nothing was measured. */
function violationsOf(evictions: readonly Eviction[]): readonly Violation[] | null {
  if (evictions.length === 0) return null;
  return evictions
    .filter(({ left }) => left !== 0)
    .map(({ node, jobId, atMs, tookMs, left }) => ({ node, jobId, atMs, tookMs, left }))
    .sort(inOrder);
}

/** Orders by time, then by the other fields, so that the order of the input does not matter. */
const inOrder = (a: Violation, b: Violation): number =>
  a.atMs - b.atMs ||
  a.jobId - b.jobId ||
  a.node.localeCompare(b.node) ||
  a.tookMs - b.tookMs ||
  (a.left ?? -1) - (b.left ?? -1);

/** Counts the values in each bin of the report. */
export function evictionHistogram(values: readonly number[]): EvictionBin[] {
  const counts = new Array<number>(evictionBinsMs.length + 1).fill(0);
  for (const value of values) {
    const bin = evictionBinsMs.findIndex((atMostMs) => value <= atMostMs);
    counts[bin === -1 ? evictionBinsMs.length : bin]! += 1;
  }
  return counts.map((count, bin) => ({ atMostMs: evictionBinsMs[bin] ?? null, count }));
}

/** Percentiles by nearest rank of ascending values; null if there are none. */
export function percentiles(ascending: readonly number[]): Percentiles | null {
  const max = ascending.at(-1);
  if (max === undefined) return null;
  const rank = (percent: number) => ascending[Math.ceil((ascending.length * percent) / 100) - 1]!;
  return { p50: rank(50), p99: rank(99), max };
}
