// Calculates what perfect knowledge of a function's next calls would reach.

import FlatQueue from "flatqueue";
import type { FunctionCalls } from "./trace.js";
import type { WorkerCosts, WorkerSums } from "./workers.js";

/**
 * Who knows when each worker is used next stops it at once and starts it again just in time. Only a
 * worker that the function never had before is cold: nobody knows a function before its first call.
 */
export function perfectKnowledge(calls: FunctionCalls, costs: WorkerCosts): WorkerSums {
  const sums: WorkerSums = { coldStarts: 0, firstUses: 0, startedAhead: 0, idleMbMs: 0 };
  const ends = new FlatQueue<null>();
  const idleSinceMs: number[] = [];
  for (const [index, startMs] of calls.startsMs.entries()) {
    for (; (ends.peekValue() ?? Number.POSITIVE_INFINITY) <= startMs; ends.pop())
      idleSinceMs[ends.length - 1] = ends.peekValue()!;
    const idleMs = startMs - (idleSinceMs[ends.length] ?? Number.NaN);
    if (Number.isNaN(idleMs)) {
      sums.coldStarts++;
      sums.firstUses++;
    } else {
      if (idleMs > costs.coldStartMs) sums.startedAhead++;
      sums.idleMbMs += costs.memoryMb * Math.min(idleMs, costs.coldStartMs);
    }
    ends.push(null, calls.endsMs[index]!);
  }
  return sums;
}
