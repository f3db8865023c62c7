// The runs of tasks that executors hold. While nobody else waits for a place, the next tasks of an
// array are ordered behind a run before it ends: the place does not wait for the disk.

import type { Prediction } from "../../core/placement/placement.js";
import {
  followersOf,
  isNearItsEnd,
  type PlacedTask,
  togetherMs,
} from "../../core/placement/task-runs.js";
import type { ExecutorId, InvocationId } from "../../model/ids.js";
import type { TaskRun } from "../state/assignments.js";
import type { LiveInvocations } from "../state/live.js";
import type { Registry } from "../state/registry.js";

interface Place {
  readonly executor: ExecutorId;
  readonly array: InvocationId;
}

/** Tasks that are to follow those of a run. */
export interface Followers extends Place {
  readonly run: TaskRun;
  readonly ids: readonly InvocationId[];
}

export class RunningRuns {
  private readonly places = new Map<TaskRun, Place>();

  constructor(
    private readonly live: LiveInvocations,
    private readonly registry: Registry,
    private readonly prediction: Prediction | undefined,
  ) {}

  add(run: TaskRun, place: Place): void {
    this.places.set(run, place);
  }

  /** None while something else waits, which may want a place. */
  followers(nowMs: number): readonly Followers[] {
    for (const run of this.places.keys()) if (run.tasks.length === 0) this.places.delete(run);
    if (this.places.size === 0) return [];
    const { queue } = this.live;
    const [group, other] = queue.groupsInOrder();
    const [head] = group ?? [];
    if (head === undefined || other !== undefined) return [];
    const task = taskOf(this.live, head.id);
    if (task === null) return [];
    const near = [...this.places].filter(
      ([run, { executor, array }]) =>
        array === task.array &&
        isNearItsEnd(run.tasks.length, head, this.prediction) &&
        // What is behind them already has been ordered.
        run.tasks.at(-1)!.ordered !== null &&
        this.goesOn(executor, nowMs),
    );
    const ids = followersOf(near.length, task, this.prediction);
    return near.flatMap(([run, place], at) =>
      ids[at]!.length === 0 ? [] : [{ ...place, run, ids: ids[at]! }],
    );
  }

  /** Whether an executor may have more work, and keeps what it has. */
  private goesOn(executor: ExecutorId, nowMs: number): boolean {
    const record = this.registry.get(executor);
    if (record === undefined || !record.takesWork) return false;
    const { budget, usedCores, usedMemoryMb } = record;
    if (usedCores > budget.cores || usedMemoryMb > budget.memoryMb) return false;
    const leftMs = (record.outlook.endsAtMs ?? Number.POSITIVE_INFINITY) - nowMs;
    return leftMs > (this.prediction?.vacateMs ?? 0) + togetherMs;
  }
}

/**
 * A task of an array that nobody has tried to run, with those like it; null for what must have a
 * place of its own.
 */
export function taskOf(live: LiveInvocations, id: InvocationId): PlacedTask | null {
  const run = live.queue.runs.find(id);
  if (run === undefined) return null;
  const { checkpointIn, lease } = run.submission.digest;
  if (checkpointIn !== null || lease !== undefined) return null;
  const array = run.submission.requested.arrayJobId!;
  const waiting = run.at(id);
  if (waiting.gpus > 0) return null;
  return { array, waiting, alike: [...live.queue.runs.between(...live.tasksOf(array)!.ids)] };
}
