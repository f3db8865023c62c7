// When the next job begins on each node, which only a replay can know.

import type { Trace } from "./trace.js";

/** Advances with the replay: call `passed` for every change, in order. */
export function nextBegins(trace: Trace): {
  of: (node: number) => number | null;
  passed: (change: number) => void;
} {
  const { changes, nodes } = trace;
  const after = new Float64Array(changes.length);
  const next = new Float64Array(nodes.length).fill(Number.POSITIVE_INFINITY);
  for (let index = changes.length - 1; index >= 0; index--) {
    const node = changes.node(index);
    after[index] = next[node]!;
    if (changes.cores(index) > 0) next[node] = changes.atMs(index);
  }
  return {
    of: (node) => (Number.isFinite(next[node]!) ? next[node]! : null),
    passed: (change) => {
      next[changes.node(change)] = after[change]!;
    },
  };
}
