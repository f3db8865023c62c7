// The task numbers of an array: as a user gives them, and as runs of evenly spaced numbers, so that
// a million tasks are a few words.

import type { Shaped } from "./shaped.js";
import type { arrayTasks, taskRange } from "./shapes/submission.js";

/** from, from + step … up to `to`. */
export type TaskRange = Shaped<typeof taskRange>;

/** Numbers and ranges of numbers, in the order of the tasks. */
export type ArrayTasks = Shaped<typeof arrayTasks>;

/** Tasks with consecutive ids; `step` is between their numbers. */
export interface TasksOfRun {
  readonly count: number;
  readonly step: number;
}

/** Consecutive tasks of an array whose numbers are evenly spaced. */
export interface TaskRun extends TasksOfRun {
  /** The position of the first one among all tasks. */
  readonly at: number;
  /** The number of the first one. */
  readonly task: number;
}

const rangeCount = ({ from, to, step }: TaskRange): number =>
  to < from ? 0 : Math.floor((to - from) / step) + 1;

export const taskCount = (tasks: ArrayTasks): number =>
  tasks.reduce<number>((sum, each) => sum + (typeof each === "number" ? 1 : rangeCount(each)), 0);

/** Runs as long as possible, in the order of the tasks. */
export function runsOf(tasks: ArrayTasks): TaskRun[] {
  // Grown in place: a copy for each of a million numbers takes longer than all the rest.
  const runs: { -readonly [Key in keyof TaskRun]: TaskRun[Key] }[] = [];
  let at = 0;
  const add = (task: number, count: number, step: number) => {
    const last = runs.at(-1);
    const joined = last === undefined ? null : stepOfBoth(last, { task, count, step });
    if (last === undefined || joined === null) runs.push({ at, count, task, step });
    else {
      last.count += count;
      last.step = joined;
    }
    at += count;
  };
  for (const each of tasks)
    if (typeof each === "number") add(each, 1, 1);
    else if (rangeCount(each) > 0) add(each.from, rangeCount(each), each.step);
  return runs;
}

/** The step of both as one run; null if their numbers are not evenly spaced. */
function stepOfBoth(run: TaskRun, { task, count, step }: Omit<TaskRun, "at">): number | null {
  const wanted = run.count > 1 ? run.step : count > 1 ? step : task - run.task;
  if (wanted < 1 || (count > 1 && step !== wanted)) return null;
  return task === run.task + run.count * wanted ? wanted : null;
}

/** Below this, numbers are short enough, and every gleanerd reads them. */
const mostNumbers = 1_000;

/** Many numbers as ranges, so that a million of them are a short request. */
export function compact(numbers: readonly number[]): ArrayTasks {
  if (numbers.length <= mostNumbers) return numbers;
  return runsOf(numbers).map(({ task, count, step }) =>
    count === 1 ? task : { from: task, to: task + (count - 1) * step, step },
  );
}

/** Whether a number occurs twice. */
export function hasDuplicates(tasks: ArrayTasks): boolean {
  const runs = runsOf(tasks).sort((left, right) => left.task - right.task);
  const lastOf = ({ task, count, step }: TaskRun) => task + (count - 1) * step;
  let reached = -1;
  let overlap = false;
  for (const run of runs) {
    overlap ||= run.task <= reached;
    reached = Math.max(reached, lastOf(run));
  }
  if (!overlap) return false;
  // Interleaved ranges, such as odd and even numbers, overlap and may share none.
  const seen = new Set<number>();
  for (const { task, count, step } of runs)
    for (let each = 0; each < count; each++) seen.add(task + each * step);
  return seen.size < taskCount(tasks);
}
