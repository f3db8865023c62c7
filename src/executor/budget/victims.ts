// Chooses the attempts to evict so that the rest fits a budget and the least work is lost.

import type { Resources } from "../../model/resources.js";

/** The resources that a running attempt holds. */
export interface Held {
  readonly cores: number;
  readonly memoryMb: number;
  readonly gpus: readonly number[];
  readonly startedAtMs: number;
}

/**
 * The whole core-milliseconds for which these attempts have held their cores by `atMs` of the same
 * clock.
 */
export const heldCoreMs = (held: readonly Held[], atMs: number): number =>
  held.reduce((sum, each) => sum + each.cores * Math.round(atMs - each.startedAtMs), 0);

/**
 * The attempts to evict: every holder of a GPU outside the budget, and of the others the youngest
 * first. The rest fits the budget in cores and memory, and no victim could stay beside it: an
 * attempt chosen for its memory is spared again if cores were what was short.
 */
export function chooseVictims<T extends Held>(all: readonly T[], budget: Resources): T[] {
  const losers = all.filter((each) => each.gpus.some((gpu) => !budget.gpus.includes(gpu)));
  const held = all.filter((each) => !losers.includes(each));
  let cores = held.reduce((sum, each) => sum + each.cores, 0);
  let memoryMb = held.reduce((sum, each) => sum + each.memoryMb, 0);
  const fits = () => cores <= budget.cores && memoryMb <= budget.memoryMb;
  const youngestFirst = [...held].sort((one, other) => other.startedAtMs - one.startedAtMs);
  const picked: T[] = [];
  for (const each of youngestFirst) {
    if (fits()) break;
    picked.push(each);
    cores -= each.cores;
    memoryMb -= each.memoryMb;
  }
  const spared = new Set<T>();
  for (const each of picked.toReversed()) {
    if (cores + each.cores > budget.cores || memoryMb + each.memoryMb > budget.memoryMb) continue;
    spared.add(each);
    cores += each.cores;
    memoryMb += each.memoryMb;
  }
  return [...losers, ...picked.filter((each) => !spared.has(each))];
}
