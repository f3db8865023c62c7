// Calls that ran at once in one worker held its cores once: their spans, without what overlaps.

import type { CoreSpan } from "./allocations.js";

/** What became of the work of a span, in the order in which a moment counts as one of them. */
export const fates = ["useful", "running", "evicted", "lost"] as const;
export type Fate = (typeof fates)[number];

export interface WorkSpan extends CoreSpan {
  readonly fate: Fate;
}

interface Edge {
  readonly atMs: number;
  readonly fate: Fate;
  readonly change: 1 | -1;
}

/** The spans of one worker as disjoint ones. O(n log n). */
export function heldOnce(spans: readonly WorkSpan[]): readonly WorkSpan[] {
  const edges = spans
    .filter(({ fromMs, toMs }) => toMs > fromMs)
    .flatMap(({ fate, fromMs, toMs }): Edge[] => [
      { atMs: fromMs, fate, change: 1 },
      { atMs: toMs, fate, change: -1 },
    ])
    .sort((one, other) => one.atMs - other.atMs);
  const present: Record<Fate, number> = { useful: 0, running: 0, evicted: 0, lost: 0 };
  const held: WorkSpan[] = [];
  let reachedMs = 0;
  for (const { atMs, fate, change } of edges) {
    const counts = fates.find((each) => present[each] > 0);
    if (counts !== undefined && atMs > reachedMs)
      held.push({ fate: counts, cores: spans[0]!.cores, fromMs: reachedMs, toMs: atMs });
    reachedMs = atMs;
    present[fate] += change;
  }
  return held;
}
