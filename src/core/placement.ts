// Which waiting invocation goes to which executor: long ones where they will survive, short ones into short holes.

import type { ExecutorId, InvocationId } from "../model/ids.js";
import { type Cursor, cursorsOf, Turns } from "./fairshare.js";
import { type Waiting, type WaitingQueue, waitingKey } from "./queue.js";
import { type Found, type OpenSlot, type Slot, Slots } from "./slots.js";
import type { Survival } from "./survival.js";

export type { Slot };

export interface Assignment {
  readonly invocation: InvocationId;
  readonly executor: ExecutorId;
}

export interface PlacementPolicy {
  /** A wide invocation that waited longer gets a large enough executor kept free, so that narrow ones cannot starve it. */
  readonly starvingAfterMs: number;
  /** Assignments made in one round: bounds one turn of the event loop. */
  readonly maxAssignments: number;
  /** Left out: work is expected to take its time limit, and holes to last until something is planned. */
  readonly prediction?: Prediction;
}

/** What is expected of holes and of work. */
export interface Prediction {
  readonly survival: Survival;
  /** Milliseconds; at most the time limit, and one of few values for each function. */
  expectedMs(waiting: Waiting): number;
  /** No work is begun that is not expected to end this long before a planned start. */
  readonly vacateMs: number;
  /** Since when each group (waitingKey) has passed over slots in the hope of better ones; `place` keeps it. */
  readonly passingSinceMs: Map<string, number>;
}

/** While it is patient, work takes only what gives it this share of the chance it has in the best hole that is large enough. */
const acceptedShare = 0.9;

/**
 * Takes the waiting in turn (fair share, then age) and gives each the executor that fits best. The queue is not
 * changed; what comes back fits, all together, into the slots' free cores and memory.
 *
 * With a prediction, work passes over a slot in whose hole it would survive less likely than elsewhere, first in the hope that
 * others can use it better; what nobody took is then offered to all again, so that nothing is left idle. Each group's patience
 * ends after starvingAfterMs and its expected run time: then it takes what there is. Work is not begun where something is planned
 * before its expected end, unless its patience is over and no executor that is large enough has a later end. O(slots + waiting
 * groups + assignments × kinds of holes).
 */
export function place(
  queue: WaitingQueue,
  slots: readonly Slot[],
  coresHeldNow: ReadonlyMap<string, number>,
  nowMs: number,
  policy: PlacementPolicy,
): readonly Assignment[] {
  const round = new Round(queue, slots, nowMs, policy);
  const coresHeld = new Map(coresHeldNow);
  const passed = round.run(new Turns(cursorsOf(queue), coresHeld), "choosy");
  round.run(new Turns(passed, coresHeld), "any");
  return round.assignments;
}

class Round {
  readonly assignments: Assignment[] = [];
  private readonly slots: Slots;
  private readonly kept: Kept | null;

  constructor(
    queue: WaitingQueue,
    slots: readonly Slot[],
    private readonly nowMs: number,
    private readonly policy: PlacementPolicy,
  ) {
    this.slots = new Slots(slots, nowMs, policy.prediction ?? {});
    this.kept = keptForStarving(queue, this.slots, nowMs, policy);
    const passing = policy.prediction?.passingSinceMs ?? new Map<string, number>();
    for (const key of passing.keys()) if (!queue.hasGroup(key)) passing.delete(key);
  }

  /** Returns the groups that something fits but that passed it over. */
  run(turns: Turns, mood: "choosy" | "any"): Cursor[] {
    const passed: Cursor[] = [];
    while (this.assignments.length < this.policy.maxAssignments) {
      const cursor = turns.next();
      if (cursor === null) break;
      const { waiting } = cursor;
      const found = this.slots.mayFit(waiting) ? this.bestFor(waiting) : null;
      if (found === null) {
        turns.drop();
      } else if (this.takes(waiting, found, mood)) {
        found.bucket.take(found, waiting);
        this.assignments.push({
          invocation: waiting.id,
          executor: found.open.slot.executor,
        });
        turns.took();
      } else {
        passed.push(cursor);
        turns.drop();
      }
    }
    return passed;
  }

  private expectedMs(waiting: Waiting): number {
    return this.policy.prediction?.expectedMs(waiting) ?? waiting.timeLimitMs;
  }

  private bestFor(waiting: Waiting): Found | null {
    const { kept } = this;
    const except = kept === null || kept.waiting === waiting.id ? null : kept.executor;
    return this.slots.bestFor(waiting, this.expectedMs(waiting), except);
  }

  private takes(waiting: Waiting, { bucket }: Found, mood: "choosy" | "any"): boolean {
    const { prediction, starvingAfterMs } = this.policy;
    if (prediction === undefined) return true;
    const { passingSinceMs } = prediction;
    const expectedMs = this.expectedMs(waiting);
    const key = waitingKey(waiting);
    const sinceMs = passingSinceMs.get(key);
    const passedForMs = sinceMs === undefined ? 0 : this.nowMs - sinceMs;
    const patience = Math.max(0, 1 - passedForMs / (starvingAfterMs + expectedMs));
    const wanted = acceptedShare * this.slots.bestChance(waiting, expectedMs);
    const isDoomed = bucket.endsBefore(expectedMs);
    if (!isDoomed && bucket.chance(expectedMs) >= wanted) {
      passingSinceMs.delete(key);
      return true;
    }
    if (sinceMs === undefined) passingSinceMs.set(key, this.nowMs);
    if (isDoomed) return patience === 0 && this.nothingOutlasts(waiting, expectedMs);
    return mood === "any" || bucket.chance(expectedMs) >= wanted * patience;
  }

  private nothingOutlasts(waiting: Waiting, expectedMs: number): boolean {
    return !this.slots.buckets.some(
      (bucket) => !bucket.endsBefore(expectedMs) && bucket.couldFit(waiting),
    );
  }
}

/** The executor kept free for the one that starves longest, and for whom. */
interface Kept {
  readonly executor: ExecutorId;
  readonly waiting: InvocationId;
}

function keptForStarving(
  queue: WaitingQueue,
  slots: Slots,
  nowMs: number,
  policy: PlacementPolicy,
): Kept | null {
  let starving: Waiting | null = null;
  for (const group of queue.groupsInOrder()) {
    const [head] = group;
    if (head === undefined || nowMs - head.submittedAtMs < policy.starvingAfterMs) continue;
    if (slots.mayFit(head)) continue;
    if (starving === null || head.id < starving.id) starving = head;
  }
  if (starving === null) return null;
  let best: OpenSlot | null = null;
  for (const open of slots.all) {
    const { budgetCores, budgetMemoryMb } = open.slot;
    if (budgetCores < starving.cores || budgetMemoryMb < starving.memoryMb) continue;
    if (best === null || open.freeCores > best.freeCores) best = open;
  }
  return best === null ? null : { executor: best.slot.executor, waiting: starving.id };
}
