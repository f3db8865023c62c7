// Which invocations have one place together: tasks of an array one after another, also those that
// join a run that is half over, and calls that share a worker.

import { nowMs } from "../../clock.js";
import { type PlacementPolicy, place } from "../../core/placement/placement.js";
import {
  type PlacedRun,
  type PlacedTask,
  runsOf,
  tasksTogether,
} from "../../core/placement/task-runs.js";
import type { Waiting } from "../../core/placement/waiting.js";
import type { InvocationId } from "../../model/ids.js";
import type { AttemptKey } from "../../wire/messages.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Registry } from "../state/registry.js";
import {
  closeOpenedFor,
  newTaskRun,
  openWorker,
  placeWithSeat,
  type SharedPlace,
} from "../state/shared-place.js";

/** null: a place that nobody else gets. */
export function placeFor(
  live: LiveInvocations,
  { held: { holders } }: ExecutorRecord,
  { ids, isSeat }: PlacedRun,
): SharedPlace | null {
  if (ids.length > 1) return newTaskRun();
  const { id, attempt, seats, workerKey: key } = live.get(ids[0]!)!;
  if (seats === 1 || key === null) return null;
  const shared = isSeat ? placeWithSeat(holders, key) : null;
  if (shared !== null) return shared;
  closeOpenedFor(holders, id);
  return openWorker({ key, seats, openedFor: { invocation: id, attempt: attempt + 1 } });
}

/**
 * A task of an array that nobody has tried to run, with those like it; null for what must have a
 * place of its own, or fills the seats of a worker.
 */
export function taskOf(live: LiveInvocations, id: InvocationId): PlacedTask | null {
  const run = live.queue.runs.find(id);
  if (run === undefined) return null;
  const { checkpointIn, lease } = run.submission.digest;
  if (checkpointIn !== null || lease !== undefined || run.submission.seats > 1) return null;
  const array = run.submission.requested.arrayJobId!;
  const waiting = run.at(id);
  if (waiting.gpus > 0) return null;
  return { array, waiting, alike: [...live.queue.runs.between(...live.tasksOf(array)!.ids)] };
}

export interface JoiningRun extends PlacedRun {
  readonly joins: JoinedPlace;
}

/** A place, and the attempt that the new tasks follow in it. */
export interface JoinedPlace {
  readonly place: SharedPlace;
  readonly after: AttemptKey;
}

/**
 * The tasks that join now: they are on record and ordered by the time the place would be free.
 * Placement's rules hold as if it were free, and none join while anything else waits for it.
 */
export function runsThatJoin(
  live: LiveInvocations,
  registry: Registry,
  policy: PlacementPolicy,
): readonly JoiningRun[] {
  const head = live.queue.onlyHead;
  const task = head === null ? null : taskOf(live, head.id);
  if (task === null || task.waiting.where?.gres !== undefined) return [];
  const most = tasksTogether(task.waiting, policy.prediction) / 2;
  const places = new Map<string, JoinedPlace[]>();
  const slots = registry.all().flatMap((record) => {
    const due = record.takesWork ? placesToJoin(live, record, task.array, most) : [];
    if (due.length === 0) return [];
    places.set(record.id, due);
    return [slotOf(record, task.waiting, due.length)];
  });
  if (slots.length === 0) return [];
  const placed = place(live.queue, slots, live.coresHeld, nowMs(), policy);
  return runsOf(placed, policy.prediction, (id) => taskOf(live, id), 0.5).map((run) => ({
    ...run,
    joins: places.get(run.executor)!.pop()!,
  }));
}

/** The executor as it is while these places are free and nothing else is. */
function slotOf(record: ExecutorRecord, { cores, memoryMb }: Waiting, places: number) {
  const free = { freeCores: places * cores, freeMemoryMb: places * memoryMb };
  return { ...record.toSlot(), ...free, freeGpus: 0, seats: new Map<string, number>() };
}

/** Those with at most `most` tasks, all of them ordered, of which none came back. */
function placesToJoin(
  live: LiveInvocations,
  { held: { holders } }: ExecutorRecord,
  array: InvocationId,
  most: number,
): JoinedPlace[] {
  return [...holders].flatMap(({ invocation, place }) => {
    if (place === null || place.isAtOnce || !place.isOpen) return [];
    if (place.tasks.length > most || live.get(invocation)?.arrayJobId !== array) return [];
    const { attempt, invocation: last, ordered } = place.tasks.at(-1)!;
    return ordered === null ? [] : [{ place, after: { invocation: last, attempt } }];
  });
}
