// Chooses the attempts to evict so that the rest fits a budget and the least work is lost.

import type { Resources } from "../../model/resources.js";
import {
  type GresCounts,
  gresFit,
  gresOfNames,
  gresSum,
  gresWithout,
  type HasGres,
} from "../../model/slurm/gres-counts.js";

/** The resources that a running attempt holds. */
export interface Held extends HasGres {
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
 * The attempts to evict: every holder of a GPU outside the budget, the youngest holders of a
 * counted resource that is short, and of the others the youngest first. The rest fits the budget,
 * and no victim could stay beside it: an attempt chosen for its memory is spared again if cores
 * were what was short.
 */
export function chooseVictims<T extends Held>(all: readonly T[], budget: Resources): T[] {
  const losers = all.filter((each) => each.gpus.some((gpu) => !budget.gpus.includes(gpu)));
  losers.push(
    ...withoutTheirGres(
      all.filter((each) => !losers.includes(each)),
      budget,
    ),
  );
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

/** The youngest of those that hold more of a counted resource together than the budget has. */
function withoutTheirGres<T extends Held>(all: readonly T[], budget: Resources): T[] {
  const holders = all.filter(({ gres }) => gres !== undefined);
  let sum = holders.reduce<GresCounts>((total, { gres }) => gresSum(total, gres)!, {});
  const picked: T[] = [];
  for (const each of holders.sort((one, other) => other.startedAtMs - one.startedAtMs)) {
    const ofThese = gresOfNames(sum, each.gres!);
    if (gresFit(ofThese, budget.gres)) continue;
    picked.push(each);
    sum = gresWithout(sum, each.gres)!;
  }
  return picked;
}
