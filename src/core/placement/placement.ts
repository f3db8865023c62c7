// Assigns waiting invocations to executors: long ones where they are likely to survive, short ones
// to short holes.

import type { ExecutorId, InvocationId, NodeName } from "../../model/ids.js";
import type { OwnRuns } from "../forecast/run-times.js";
import type { Survival } from "../forecast/survival.js";
import type { Bucket, Found } from "./bucket.js";
import { type Cursor, cursorsOf, Turns } from "./fairshare.js";
import { Market, type Prices } from "./prices.js";
import type { Waiting, WaitingQueue } from "./queue.js";
import type { Need, Slot } from "./slot.js";
import { Slots } from "./slots.js";
import { type Kept, keptForStarving } from "./starving.js";

export type { Slot };

export interface Assignment {
  readonly invocation: InvocationId;
  readonly executor: ExecutorId;
  /** It shares a worker that is there, and takes nothing beside it; if omitted, it does not. */
  readonly isSeat?: boolean;
}

export interface PlacementPolicy {
  /**
   * For a wide invocation that has waited longer, a large enough executor is kept free, so that
   * narrow ones cannot starve it.
   */
  readonly starvingAfterMs: number;
  /** The most assignments in one round, which bounds one turn of the event loop. */
  readonly maxAssignments: number;
  /**
   * If omitted, work is expected to take its time limit, and holes to last until something is
   * planned.
   */
  readonly prediction?: Prediction;
  /** Nodes that this invocation avoids at present; if omitted, none. */
  readonly avoidedBy?: (waiting: Waiting) => readonly NodeName[];
  /** The only nodes that this invocation may have; undefined, or if omitted, all. */
  readonly allowedTo?: (waiting: Waiting) => ReadonlySet<NodeName> | undefined;
}

/** The expected lengths of holes and of work. */
export interface Prediction {
  readonly survival: Survival;
  /** In milliseconds; at most the time limit, and one of few values for each function. */
  expectedMs(waiting: Waiting): number;
  /** What is known of earlier runs of its very function; null, or if omitted, nothing. */
  ownRuns?(waiting: Waiting): OwnRuns | null;
  /** Half of the work of such invocations is in runs no longer than this. */
  usualMs(waiting: Waiting): number;
  /** How long before a planned start work must be expected to end; otherwise it is not started. */
  readonly vacateMs: number;
  /**
   * Since when each group (waitingKey) has skipped slots in the hope of better ones; kept by
   * `place`.
   */
  readonly passingSinceMs: Map<string, number>;
  /** The value of work of each length while capacity is scarce; kept by `place` as well. */
  readonly prices: Prices;
}

/**
 * While a group is patient, its work accepts only slots that offer this share of its chance in the
 * best hole that is large enough.
 */
const acceptedShare = 0.9;
/**
 * While capacity is scarce, work passes over slots that suit others better for this many of its own
 * run times: short work only briefly.
 */
const patienceInRuns = 100;
/** The upper limit of that patience. */
const mostPatienceMs = 3_600_000;

/**
 * Takes the waiting invocations in turn (fair share, then age) and gives each the executor that
 * fits best. The queue is not changed; all assignments together fit into the slots' free cores and
 * memory.
 *
 * With a prediction, each group first takes only suitable slots. While there is capacity for all,
 * those are the slots where it is about as likely to survive as anywhere; while capacity is scarce,
 * they are the holes in which no other length is worth more (Market). The rest is then offered to
 * all again, so that nothing stays idle. Each group's patience ends: after starvingAfterMs plus its
 * expected run time, or after a hundred of its own run times while others want what it passes over.
 * From then on it takes any slot in its turn. Work is not started where something is planned before
 * its expected end, unless its patience is over and no executor that is large enough has a later
 * end; and never where the executor's own time ends first. O(slots + waiting groups + assignments ×
 * kinds of holes).
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
  if (passed.length > 0 && !round.isFull) round.run(new Turns(passed, coresHeld), "any");
  return round.assignments;
}

/** `choosy` passes over slots that suit others better; `any` takes what nobody wanted. */
type Mood = "choosy" | "any";

/** How long the members of a group are expected to run. */
interface Lengths {
  readonly expectedMs: number;
  readonly usualMs: number;
}

class Round {
  readonly assignments: Assignment[] = [];
  private readonly slots: Slots;
  private readonly kept: Kept | null;
  /** null while there is capacity for all. */
  private readonly market: Market | null;
  /** By the key of a group, whose members are all expected to run equally long. */
  private readonly lengths = new Map<string, Lengths>();

  constructor(
    queue: WaitingQueue,
    slots: readonly Slot[],
    private readonly nowMs: number,
    private readonly policy: PlacementPolicy,
  ) {
    this.slots = new Slots(slots, nowMs, policy.prediction ?? {});
    this.market = this.marketOf(queue);
    this.kept = keptForStarving(queue, this.slots, nowMs, policy);
    const passing = policy.prediction?.passingSinceMs ?? new Map<string, number>();
    for (const key of passing.keys()) if (!queue.hasGroup(key)) passing.delete(key);
  }

  /** Whether nothing more can be assigned. */
  get isFull(): boolean {
    return this.assignments.length >= this.policy.maxAssignments || this.slots.areFull;
  }

  /** Returns the groups that skipped the available slots. */
  run(turns: Turns, mood: Mood): Cursor[] {
    const passed: Cursor[] = [];
    while (!this.isFull) {
      const cursor = turns.next();
      if (cursor === null) break;
      const { waiting } = cursor;
      const choice = this.seatFor(cursor) ?? this.choose(cursor, mood);
      if (choice === "passes") passed.push(cursor);
      if (choice === "passes" || choice === "fitsNowhere") {
        turns.drop();
        continue;
      }
      const { id, workerKey, seats } = waiting;
      const { open, isSeat = false } = choice;
      const need = waiting.where?.gres === undefined ? waiting : this.needOf(waiting);
      this.slots.take(choice, need, workerKey, seats);
      if (!isSeat) this.noteBegun(cursor);
      this.assignments.push({
        invocation: id,
        executor: open.slot.executor,
        ...(isSeat && { isSeat }),
      });
      turns.took(isSeat ? 0 : waiting.cores);
    }
    return passed;
  }

  private noteBegun({ key, waiting }: Cursor): void {
    const { prediction } = this.policy;
    if (prediction === undefined) return;
    const { usualMs } = this.lengthsOf(key, waiting);
    prediction.prices.began({ usualMs, coreMs: waiting.cores * usualMs });
  }

  private lengthsOf(key: string, waiting: Waiting): Lengths {
    let lengths = this.lengths.get(key);
    if (lengths === undefined) {
      const { prediction } = this.policy;
      const { timeLimitMs } = waiting;
      lengths = {
        expectedMs: prediction?.expectedMs(waiting) ?? timeLimitMs,
        usualMs: prediction?.usualMs(waiting) ?? timeLimitMs,
      };
      this.lengths.set(key, lengths);
    }
    return lengths;
  }

  private marketOf(queue: WaitingQueue): Market | null {
    const { prediction } = this.policy;
    if (prediction === undefined) return null;
    const coreMsByUsual = new Map<number, number>();
    let waitingCores = 0;
    for (const group of queue.groupsInOrder()) {
      const [head] = group;
      if (head === undefined) continue;
      const cores = Math.ceil(group.size / (head.seats ?? 1)) * head.cores;
      const { usualMs } = this.lengthsOf(group.key, head);
      waitingCores += cores;
      coreMsByUsual.set(usualMs, (coreMsByUsual.get(usualMs) ?? 0) + cores * usualMs);
    }
    if (waitingCores <= this.slots.freeCores) return null;
    const work = [...coreMsByUsual].map(([usualMs, coreMs]) => ({ usualMs, coreMs }));
    prediction.prices.look(work, this.nowMs);
    return new Market([...coreMsByUsual.keys()], prediction.prices);
  }

  /** Costs nothing, so it comes before every free place. */
  private seatFor({ key, waiting }: Cursor): Found | null {
    const { workerKey = null, seats = 1 } = waiting;
    if (workerKey === null || seats === 1) return null;
    const { expectedMs } = this.lengthsOf(key, waiting);
    const need = this.needOf(waiting);
    return this.slots.withSeat(workerKey, need, expectedMs, this.exceptFor(waiting));
  }

  private needOf(waiting: Waiting): Need {
    const avoid = this.policy.avoidedBy?.(waiting) ?? [];
    const { cores, memoryMb, gpus } = waiting;
    const gres = waiting.where?.gres;
    return { cores, memoryMb, gpus, gres, avoid, only: this.policy.allowedTo?.(waiting) };
  }

  /** The executor that is kept free for another. */
  private exceptFor({ id }: Waiting): ExecutorId | null {
    const { kept } = this;
    return kept === null || kept.waiting === id ? null : kept.executor;
  }

  private choose({ key, waiting }: Cursor, mood: Mood): Found | "passes" | "fitsNowhere" {
    if (!this.slots.mayFit(waiting)) return "fitsNowhere";
    const { market } = this;
    const { prediction } = this.policy;
    const except = this.exceptFor(waiting);
    const { expectedMs, usualMs } = this.lengthsOf(key, waiting);
    const need = this.needOf(waiting);
    const { workerKey = null } = waiting;
    // A cold start costs more than a hole that suits others better.
    const warm =
      workerKey === null ? null : this.slots.withWorker(workerKey, need, expectedMs, except);
    if (warm !== null) return warm;
    if (market !== null && prediction !== undefined && mood === "choosy") {
      const found = this.slots.suiting(
        need,
        expectedMs,
        except,
        (bucket) => !bucket.endsBefore(expectedMs) && market.suits(usualMs, bucket),
      );
      if (found !== null) {
        prediction.passingSinceMs.delete(key);
        return found;
      }
      if (this.patience(key, expectedMs) > 0) return "passes";
    }
    const found = this.slots.bestFor(need, expectedMs, except);
    if (found === null) return "fitsNowhere";
    return prediction === undefined || this.takes(key, expectedMs, need, found.bucket, mood)
      ? found
      : "passes";
  }

  /** Falls from 1, when the group begins to pass over slots, to 0. */
  private patience(key: string, expectedMs: number): number {
    const { prediction, starvingAfterMs } = this.policy;
    const sinceMs = prediction?.passingSinceMs.get(key);
    if (sinceMs === undefined) {
      prediction?.passingSinceMs.set(key, this.nowMs);
      return 1;
    }
    const lastsMs =
      this.market === null
        ? starvingAfterMs + expectedMs
        : Math.min(mostPatienceMs, patienceInRuns * expectedMs);
    return Math.max(0, 1 - (this.nowMs - sinceMs) / lastsMs);
  }

  /** Whether the group accepts its best available slot. */
  private takes(key: string, expectedMs: number, need: Need, bucket: Bucket, mood: Mood): boolean {
    const isDoomed = bucket.endsBefore(expectedMs);
    if (this.market !== null && !isDoomed) return true;
    const chance = bucket.chance(expectedMs);
    const wanted = acceptedShare * this.slots.bestChance(need, expectedMs);
    if (!isDoomed && chance >= wanted) {
      this.policy.prediction?.passingSinceMs.delete(key);
      return true;
    }
    const patience = this.patience(key, expectedMs);
    if (isDoomed) return patience === 0 && this.nothingOutlasts(need, expectedMs);
    return mood === "any" || chance >= wanted * patience;
  }

  private nothingOutlasts(need: Need, expectedMs: number): boolean {
    return !this.slots.buckets.some(
      (bucket) => !bucket.endsBefore(expectedMs) && bucket.couldFit(need),
    );
  }
}
