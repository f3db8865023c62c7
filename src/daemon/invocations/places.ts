// Which placed invocations have one place together: tasks of an array one after another, and calls
// that share a worker.

import type { PlacedRun, PlacedTask } from "../../core/placement/task-runs.js";
import type { InvocationId } from "../../model/ids.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
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
  // What waits behind another may come back without having begun, and it has one attempt.
  if (run.submission.schedule?.once) return null;
  const array = run.submission.requested.arrayJobId!;
  const waiting = run.at(id);
  if (waiting.gpus > 0) return null;
  return { array, waiting, alike: [...live.queue.runs.between(...live.tasksOf(array)!.ids)] };
}
