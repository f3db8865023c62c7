// Decides which idle workers go when a hole must give memory back.

import type { NodeName } from "../../../model/ids.js";
import type { PoolNode, Stop } from "./state.js";
import { byName, compare, type Kept, type Use } from "./uses.js";

export interface Relief {
  readonly kept: readonly Kept[];
  /** The uses of the workers that stop. */
  readonly uses: readonly Use[];
  readonly stop: readonly Stop[];
}

/**
 * The first one goes first. To keep a worker until its next use costs its memory for that time, in
 * MB-ms, and spares one cold start; the costliest goes first. The best choice would be a knapsack
 * problem, which takes exponential time; by cost for each cold start spared, the greedy choice is
 * worse by less than one worker. The workers of a function's min-warm go last.
 */
export const pressureOrder = (a: Kept, b: Kept): number =>
  Number(a.use.isFloor) - Number(b.use.isFloor) ||
  compare(costOf(b.worker.memoryMb, b.use), costOf(a.worker.memoryMb, a.use)) ||
  b.worker.memoryMb - a.worker.memoryMb ||
  byName(a.worker.id, b.worker.id);

/** The MB-ms to wait for a use. A use that is due costs its memory for a moment. */
export const costOf = (memoryMb: number, { nextUseMs }: Use): number =>
  memoryMb * Math.max(1, nextUseMs);

/**
 * Keeps what fits on each node, the last in the order of pressure first. If all workers are equally
 * large, more memory never stops a worker that stayed with less.
 */
export function relievePressure(kept: readonly Kept[], nodes: readonly PoolNode[]): Relief {
  const freeMb = new Map<NodeName, number>();
  for (const { node, idleMemoryMb } of nodes) freeMb.set(node, idleMemoryMb);
  const stays: Kept[] = [];
  const goes: Kept[] = [];
  for (const each of [...kept].sort(pressureOrder).reverse()) {
    const { node, memoryMb } = each.worker;
    const free = freeMb.get(node)!;
    if (memoryMb > free) goes.unshift(each);
    else {
      stays.push(each);
      freeMb.set(node, free - memoryMb);
    }
  }
  return {
    kept: stays,
    uses: goes.map(({ use }) => use),
    stop: goes.map(({ worker }) => ({ worker: worker.id, reason: "pressure" })),
  };
}
