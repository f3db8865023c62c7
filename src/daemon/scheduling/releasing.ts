// Which tasks of a run may start, and which tasks of an array its owner holds.

import type { IdRange } from "../../core/ports/store.js";
import { GleanerError } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import type { Schedule } from "../../model/invocation.js";
import type { Live } from "../state/live-invocation.js";
import type { LiveRun } from "../state/live-run.js";

/** More are held as an array, or one array for each purpose. */
const maxHeldTasks = 1_000;

export const rangeOf = ({ fromId, toId }: LiveRun, most: number): IdRange => [
  fromId,
  Math.min(toId, fromId + most - 1) as InvocationId,
];

/** Those of a run that may start, each for itself; neighbours are one range. */
export function allowedIn(run: LiveRun, may: (task: Live) => boolean, most: number): IdRange[] {
  const found: [InvocationId, InvocationId][] = [];
  let count = 0;
  for (let id = run.fromId; id <= run.toId && count < most; id = (id + 1) as InvocationId) {
    if (!may(run.at(id))) continue;
    count++;
    const last = found.at(-1);
    if (last !== undefined && last[1] === id - 1) last[1] = id;
    else found.push([id, id]);
  }
  return found;
}

/** The schedule with one task held, or released; throws LIMIT_REACHED if too many are held. */
export function withTask(
  { heldTasks = [], ...others }: Schedule,
  number: number,
  held: boolean,
): Schedule {
  const kept = heldTasks.filter((each) => each !== number);
  const tasks = held ? [...kept, number] : kept;
  if (tasks.length > maxHeldTasks)
    throw new GleanerError(
      "LIMIT_REACHED",
      `${maxHeldTasks} tasks of one array are held, which is the most: hold the array`,
    );
  return tasks.length === 0 ? others : { ...others, heldTasks: tasks };
}

/**
 * The schedule of an array that is held, with one task released: each of the others is held by
 * itself. Throws LIMIT_REACHED if they are too many for that.
 */
export function withoutTask(
  { held: _, heldTasks: _tasks, ...schedule }: Schedule,
  number: number,
  { singles, runs }: { readonly singles: readonly Live[]; readonly runs: readonly LiveRun[] },
): Schedule {
  const count = runs.reduce((sum, run) => sum + run.count, singles.length);
  if (count > maxHeldTasks + 1)
    throw new GleanerError(
      "LIMIT_REACHED",
      `the array has ${count} tasks that have not ended, and one of them is released alone only beside at most ${maxHeldTasks} others: release the array`,
    );
  const open = [...singles, ...runs.flatMap((run) => tasksOf(run))];
  const others = open
    .map(({ arrayTaskId }) => arrayTaskId)
    .filter((each) => each !== null && each !== number) as number[];
  return others.length === 0 ? schedule : { ...schedule, heldTasks: others };
}

const tasksOf = (run: LiveRun): Live[] =>
  Array.from({ length: run.count }, (_, at) => run.at((run.fromId + at) as InvocationId));
