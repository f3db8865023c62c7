// Calculates what perfect knowledge of each function's next calls would reach.

import FlatQueue from "flatqueue";
import type { FunctionCalls } from "./trace.js";
import type { WorkerCosts, WorkerSums } from "./workers.js";

/**
 * Who knows when each worker is used next stops it at once and starts it again just in time. Only a
 * worker that the function never had before is cold: nobody knows a function before its first call.
 */
export function perfectKnowledge(
  functions: readonly FunctionCalls[],
  costs: WorkerCosts,
): WorkerSums {
  const sums: WorkerSums = { coldStarts: 0, firstUses: 0, startedAhead: 0, idleMbMs: 0 };
  for (const calls of functions) addUses(sums, calls, costs);
  return sums;
}

function addUses(sums: WorkerSums, calls: FunctionCalls, costs: WorkerCosts): void {
  const ends = new FlatQueue<null>();
  /** When the n-th worker was used last. */
  const idleSinceMs: number[] = [];
  for (const [index, startMs] of calls.startsMs.entries()) {
    for (; (ends.peekValue() ?? Number.POSITIVE_INFINITY) <= startMs; ends.pop())
      idleSinceMs[ends.length - 1] = ends.peekValue()!;
    const sinceMs = idleSinceMs[ends.length];
    ends.push(null, calls.endsMs[index]!);
    if (sinceMs === undefined) {
      sums.coldStarts++;
      sums.firstUses++;
      continue;
    }
    const idleMs = startMs - sinceMs;
    if (idleMs > costs.coldStartMs) sums.startedAhead++;
    sums.idleMbMs += costs.memoryMb * Math.min(idleMs, costs.coldStartMs);
  }
}
