// Decides which waiting tasks of an array are ordered together with one that was placed, to have
// its place one after another.

import type { ExecutorId, InvocationId } from "../../model/ids.js";
import type { Assignment, Prediction } from "./placement.js";
import type { Waiting } from "./waiting.js";
import type { WaitingRun } from "./waiting-runs.js";

/**
 * How long the tasks of a run are expected to take together: nobody who waits for the place notices
 * it.
 */
const togetherMs = 40;
/** Limits what goes back to the queue if the place is lost; more would not be faster. */
const mostTogether = 128;

/** Tasks for one place, the placed one first. */
export interface PlacedRun {
  readonly executor: ExecutorId;
  readonly ids: readonly InvocationId[];
  /** The only one of them shares a worker that is there. */
  readonly isSeat: boolean;
}

/** A placed task of an array. */
export interface PlacedTask {
  readonly array: InvocationId;
  readonly waiting: Waiting;
  /** All tasks of the array that wait as it does, the placed ones among them. */
  readonly alike: readonly WaitingRun[];
}

/**
 * Shares the tasks that found no place among those of the same array that did. `taskOf` is null for
 * what must have a place of its own.
 */
export function runsOf(
  placed: readonly Assignment[],
  prediction: Prediction | undefined,
  taskOf: (id: InvocationId) => PlacedTask | null,
): readonly PlacedRun[] {
  const isPlaced = new Set(placed.map(({ invocation }) => invocation));
  const left = new Map<InvocationId, Left>();
  const runs = placed.map(({ invocation, executor, isSeat = false }) => {
    const run = { executor, ids: [invocation], isSeat };
    const task = taskOf(invocation);
    const most = task === null ? 1 : tasksTogether(task.waiting, prediction);
    if (task === null || most === 1) return run;
    const known = left.get(task.array) ?? { heads: [], most, ids: idsIn(task.alike, isPlaced) };
    known.heads.push(run.ids);
    left.set(task.array, known);
    return run;
  });
  for (const { heads, most, ids } of left.values()) share(heads, most, ids);
  return runs;
}

/** The tasks of an array that found no place, and the runs that they may join. */
interface Left {
  readonly heads: InvocationId[][];
  readonly most: number;
  readonly ids: Iterable<InvocationId>;
}

/**
 * Each gets as many as the others, so that the last tasks run beside each other; consecutive ones,
 * which are recorded together.
 */
function share(heads: readonly InvocationId[][], most: number, ids: Iterable<InvocationId>): void {
  const shared = upTo(ids, heads.length * (most - 1));
  heads.forEach((head, at) => {
    const from = Math.ceil((at * shared.length) / heads.length);
    const to = Math.ceil(((at + 1) * shared.length) / heads.length);
    for (const id of shared.slice(from, to)) head.push(id);
  });
}

function upTo(ids: Iterable<InvocationId>, most: number): InvocationId[] {
  const first: InvocationId[] = [];
  for (const id of ids) {
    if (first.length === most) break;
    first.push(id);
  }
  return first;
}

/** One at a time until the function is known, then no more than it has run already. */
function tasksTogether(waiting: Waiting, prediction: Prediction | undefined): number {
  const own = prediction?.ownRuns?.(waiting) ?? null;
  if (own === null) return 1;
  return Math.max(1, Math.min(mostTogether, own.count, Math.floor(togetherMs / own.meanMs)));
}

function* idsIn(
  runs: readonly WaitingRun[],
  isPlaced: ReadonlySet<InvocationId>,
): Generator<InvocationId, void> {
  for (const { fromId, toId } of runs)
    for (let id = fromId; id <= toId; id = (id + 1) as InvocationId)
      if (!isPlaced.has(id)) yield id;
}
