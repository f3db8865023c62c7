// Matches the idle workers of a function with the next uses that it expects.

import type { NodeName } from "../../../model/ids.js";
import type { IdleWorker, PoolFunction, Stop } from "./state.js";

/** A next use that an idle worker should wait for. */
export interface Use {
  readonly key: string;
  readonly memoryMb: number;
  readonly cores: number;
  /** Expected time until then. */
  readonly nextUseMs: number;
  /** Whether the function has this worker anyway (its min-warm). */
  readonly isFloor: boolean;
  /** Whether a worker may be started for it. */
  readonly mayStart: boolean;
}

/** A worker that stays, and the use that it waits for. */
export interface Kept {
  readonly worker: IdleWorker;
  readonly use: Use;
}

export interface Matching {
  readonly kept: readonly Kept[];
  readonly unfilled: readonly Use[];
  readonly stop: readonly Stop[];
}

/** The time left of each node's hole; infinity if its end is unknown. */
export type TimeLeft = ReadonlyMap<NodeName, number>;

/** Its worker must last until the use; min-warm demands only that the hole is not over. */
export const neededMs = ({ isFloor, nextUseMs }: Use): number =>
  isFloor ? 1 : Math.max(1, nextUseMs);

export function usesOf(wanted: PoolFunction): Use[] {
  const { key, memoryMb, cores = 0, minWarm, busyWorkers, outlook } = wanted;
  const floor = Math.max(0, minWarm - busyWorkers);
  const uses: Use[] = outlook.seats.map(({ nextUseMs, mayStart }, index) => ({
    ...{ key, memoryMb, cores, nextUseMs },
    isFloor: index < floor,
    mayStart: index < floor || mayStart,
  }));
  const unforeseen = { key, memoryMb, cores, nextUseMs: Number.POSITIVE_INFINITY };
  while (uses.length < floor) uses.push({ ...unforeseen, isFloor: true, mayStart: true });
  return uses;
}

/**
 * Keeps at most as many workers as there are uses, those in the longest holes and of them the ones
 * used last. A worker whose hole ends before the uses that are left is stopped. Uses for which a
 * worker may be started get one first, since the others are content with what is there.
 */
export function matchUses(
  uses: readonly Use[],
  workers: readonly IdleWorker[],
  timeLeft: TimeLeft,
): Matching {
  const leftMs = ({ node }: IdleWorker) => timeLeft.get(node) ?? Number.NEGATIVE_INFINITY;
  const byEnd = [...workers].sort(
    (a, b) => compare(leftMs(a), leftMs(b)) || a.sinceMs - b.sinceMs || byName(a.id, b.id),
  );
  const surplus = Math.max(0, workers.length - uses.length);
  const kept: Kept[] = [];
  const unfilled: Use[] = [];
  let left: readonly IdleWorker[] = byEnd.slice(surplus);
  for (const mayStart of [true, false]) {
    const soonest = uses
      .filter((use) => use.mayStart === mayStart)
      .sort((a, b) => compare(neededMs(a), neededMs(b)));
    const unmatched: IdleWorker[] = [];
    // The soonest use gets the worker whose hole ends soonest: no other matching keeps more.
    for (const worker of left) {
      const use = soonest[0];
      if (use === undefined || leftMs(worker) < neededMs(use)) unmatched.push(worker);
      else kept.push({ worker, use: soonest.shift()! });
    }
    unfilled.push(...soonest);
    left = unmatched;
  }
  return {
    kept,
    unfilled,
    stop: [
      ...byEnd.slice(0, surplus).map(({ id }) => ({ worker: id, reason: "unwanted" as const })),
      ...left.map(({ id }) => ({ worker: id, reason: "holeEnds" as const })),
    ],
  };
}

/** Compares numbers, infinite ones too. */
export const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

export const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
