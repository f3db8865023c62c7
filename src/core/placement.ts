// Which waiting invocation goes to which executor.

import type { ExecutorId, InvocationId } from "../model/ids.js";
import { compareTurns } from "./fairshare.js";
import type { Waiting, WaitingQueue } from "./queue.js";

/** A ready executor as placement sees it. */
export interface Slot {
  readonly executor: ExecutorId;
  readonly budgetCores: number;
  readonly budgetMemoryMb: number;
  readonly freeCores: number;
  readonly freeMemoryMb: number;
  /** null: nothing speaks of an end. */
  readonly endsAtMs: number | null;
}

export interface Assignment {
  readonly invocation: InvocationId;
  readonly executor: ExecutorId;
}

export interface PlacementPolicy {
  /** A wide invocation that waited longer gets a large enough executor kept free, so that narrow ones cannot starve it. */
  readonly starvingAfterMs: number;
  /** Assignments made in one round: bounds one turn of the event loop. */
  readonly maxAssignments: number;
}

interface OpenSlot {
  readonly slot: Slot;
  freeCores: number;
  freeMemoryMb: number;
}

/**
 * Takes the waiting in turn (fair share, then age) and gives each the executor that fits best. The queue is not
 * changed; what comes back fits, all together, into the slots' free cores and memory.
 */
export function place(
  queue: WaitingQueue,
  slots: readonly Slot[],
  coresHeldNow: ReadonlyMap<string, number>,
  nowMs: number,
  policy: PlacementPolicy,
): readonly Assignment[] {
  const open = slots.map((slot) => ({
    slot,
    freeCores: slot.freeCores,
    freeMemoryMb: slot.freeMemoryMb,
  }));
  const kept = keptForStarving(queue, open, nowMs, policy);
  const turns = new Turns(queue, coresHeldNow);
  const assignments: Assignment[] = [];
  while (assignments.length < policy.maxAssignments) {
    const waiting = turns.next();
    if (waiting === null) break;
    const best = bestFit(waiting, open, kept, nowMs);
    if (best === null) {
      turns.skipGroup();
      continue;
    }
    best.freeCores -= waiting.cores;
    best.freeMemoryMb -= waiting.memoryMb;
    assignments.push({ invocation: waiting.id, executor: best.slot.executor });
    turns.took();
  }
  return assignments;
}

/** Walks the groups' members in turn, counting what this round already gave to each user. */
class Turns {
  private readonly cursors: { iterator: Iterator<Waiting>; waiting: Waiting }[] = [];
  private readonly coresHeld: Map<string, number>;
  private current = -1;

  constructor(queue: WaitingQueue, coresHeldNow: ReadonlyMap<string, number>) {
    this.coresHeld = new Map(coresHeldNow);
    for (const group of queue.groupsInOrder()) {
      const iterator = group[Symbol.iterator]();
      const first = iterator.next();
      if (!first.done) this.cursors.push({ iterator, waiting: first.value });
    }
  }

  next(): Waiting | null {
    this.current = -1;
    for (let index = 0; index < this.cursors.length; index++) {
      const best = this.cursors[this.current];
      const candidate = this.cursors[index]!;
      if (!best || compareTurns(candidate.waiting, best.waiting, this.coresHeld) < 0)
        this.current = index;
    }
    return this.cursors[this.current]?.waiting ?? null;
  }

  took(): void {
    const cursor = this.cursors[this.current]!;
    const { user, cores } = cursor.waiting;
    this.coresHeld.set(user, (this.coresHeld.get(user) ?? 0) + cores);
    const following = cursor.iterator.next();
    if (following.done) this.skipGroup();
    else cursor.waiting = following.value;
  }

  /** Nothing that needs the same can be placed either. */
  skipGroup(): void {
    this.cursors.splice(this.current, 1);
  }
}

/** The executor kept free for the one that starves longest, and for whom. */
interface Kept {
  readonly executor: ExecutorId;
  readonly waiting: InvocationId;
}

function keptForStarving(
  queue: WaitingQueue,
  open: readonly OpenSlot[],
  nowMs: number,
  policy: PlacementPolicy,
): Kept | null {
  let starving: Waiting | null = null;
  for (const group of queue.groupsInOrder()) {
    const [head] = group;
    if (head === undefined || nowMs - head.submittedAtMs < policy.starvingAfterMs) continue;
    if (open.some((each) => fitsFree(head, each))) continue;
    if (starving === null || head.id < starving.id) starving = head;
  }
  if (starving === null) return null;
  const wanted = starving;
  const candidates = open
    .filter(
      ({ slot }) => slot.budgetCores >= wanted.cores && slot.budgetMemoryMb >= wanted.memoryMb,
    )
    .sort((left, right) => right.freeCores - left.freeCores);
  return candidates[0] === undefined
    ? null
    : { executor: candidates[0].slot.executor, waiting: wanted.id };
}

const fitsFree = (waiting: Waiting, open: OpenSlot): boolean =>
  waiting.cores <= open.freeCores && waiting.memoryMb <= open.freeMemoryMb;

/** Survival first (does the hole outlast the time limit?), then the fewest cores left over, so that wide gaps stay wide. */
function bestFit(
  waiting: Waiting,
  open: readonly OpenSlot[],
  kept: Kept | null,
  nowMs: number,
): OpenSlot | null {
  let best: OpenSlot | null = null;
  for (const candidate of open) {
    if (!fitsFree(waiting, candidate)) continue;
    if (kept !== null && candidate.slot.executor === kept.executor && waiting.id !== kept.waiting)
      continue;
    if (best === null || isBetter(candidate, best, nowMs + waiting.timeLimitMs)) best = candidate;
  }
  return best;
}

function isBetter(candidate: OpenSlot, best: OpenSlot, neededUntilMs: number): boolean {
  const lasts = (open: OpenSlot) => Math.min(open.slot.endsAtMs ?? neededUntilMs, neededUntilMs);
  const difference = lasts(candidate) - lasts(best);
  return difference !== 0 ? difference > 0 : candidate.freeCores < best.freeCores;
}
