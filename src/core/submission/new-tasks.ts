// The invocations of a new submission: those with a record of their own, and runs of tasks that
// wait under one record.

import { runsOf, type TasksOfRun, taskCount } from "../../model/array-tasks.js";
import { type InvocationId, invocationId } from "../../model/ids.js";
import type { Identity, Invocation, Submission } from "../../model/invocation.js";
import { newInvocation } from "../../model/records/invocation.js";

export const taskCountOf = ({ arrayTasks }: Pick<Submission, "arrayTasks">): number =>
  arrayTasks === null ? 1 : taskCount(arrayTasks);

/** The entries of the queue that a new submission takes. */
export function entryCountOf({
  arrayTasks,
  checkpoint,
}: Pick<Submission, "arrayTasks" | "checkpoint">): number {
  if (arrayTasks === null) return 1;
  return checkpoint === true ? taskCount(arrayTasks) : runsOf(arrayTasks).length;
}

/** A new entry of the queue: one invocation, or a run of tasks that begins with it. */
export interface NewTasks {
  readonly invocation: Invocation;
  readonly run?: TasksOfRun;
}

interface Made {
  readonly owner: Identity;
  readonly submission: Submission;
  readonly submittedAtMs: number;
}

/**
 * The ids of an array's tasks are consecutive and begin with `id`. Tasks with checkpoint folders
 * have records of their own, since each has its folder's.
 */
export function newTasks({ owner, submission, submittedAtMs }: Made, id: InvocationId): NewTasks[] {
  const { name, cores, memoryMb, gpus, timeLimitMs, arrayTasks, checkpoint } = submission;
  const amounts = { cores, memoryMb, gpus, timeLimitMs };
  const task = (at: number, arrayTaskId: number | null) =>
    newInvocation({
      id: invocationId(id + at),
      arrayJobId: arrayTaskId === null ? null : id,
      arrayTaskId,
      ...{ owner, name, ...amounts, submittedAtMs },
    });
  if (arrayTasks === null) return [{ invocation: task(0, null) }];
  return runsOf(arrayTasks).flatMap(({ at, count, task: first, step }) =>
    checkpoint === true || count === 1
      ? Array.from({ length: count }, (_, each) => ({
          invocation: task(at + each, first + each * step),
        }))
      : [{ invocation: task(at, first), run: { count, step } }],
  );
}
