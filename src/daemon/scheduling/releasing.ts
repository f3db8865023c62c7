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
