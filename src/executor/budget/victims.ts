// Which attempts have to go so that the rest fits a budget: those that lose the least work.

import type { Resources } from "../../model/resources.js";

/** What a running attempt holds of the node. */
export interface Held {
  readonly cores: number;
  readonly memoryMb: number;
  readonly gpus: readonly number[];
  readonly startedAtMs: number;
}

/** Whole core-milliseconds that these have held their cores until `atMs` of the same clock. */
export const heldCoreMs = (held: readonly Held[], atMs: number): number =>
  held.reduce((sum, each) => sum + each.cores * Math.round(atMs - each.startedAtMs), 0);

/**
 * The attempts to evict: whoever holds a GPU that the budget has not, and of the others the youngest first. What remains fits the budget in cores and memory, and no victim could stay
 * beside what remains: one that was picked for its memory frees nothing when cores were short, so it is spared again.
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
