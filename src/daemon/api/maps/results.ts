// The results of a map page by page, in the order of its inputs or as its tasks end. The cursor of
// a page is the number of results before it: a client that loses its connection continues there.

import { monotonicMs } from "../../../clock.js";
import { GleanerError } from "../../../model/errors.js";
import { type InvocationId, invocationId, namesArray } from "../../../model/ids.js";
import type { AnswerOf, AskedOf } from "../../../wire/api/types.js";
import { type OutcomeParts, readTasks } from "../outcomes.js";
import type { Caller } from "../server/caller.js";
import { theirs } from "../users.js";

type Asked = AskedOf<"results", "query"> & { readonly id: string };

interface Map {
  readonly first: InvocationId;
  readonly tasks: number;
}

/** Resolves once there is a result after the cursor, or after waitMs. */
export async function listResults(
  deps: OutcomeParts,
  caller: Caller,
  { id, order, after, limit, waitMs }: Asked,
  signal: AbortSignal,
): Promise<AnswerOf<"results">> {
  const map = await mapOf(deps, caller, id);
  const most = Math.min(limit, map.tasks - after);
  const numbers = async () =>
    order === "input" ? endedFrom(deps, map, after, most) : endsAfter(deps, map, after, most);
  const found = await numbers();
  const isOver = found.length > 0 || most <= 0 || waitMs === 0;
  const waited = isOver ? found : await atLeastOne(deps, map, waitMs, signal, numbers);
  const { outcomes, read } = await readTasks(deps.store, { ...map, numbers: waited });
  const next = after + read;
  return { results: outcomes, next, isComplete: next >= map.tasks };
}

/** Reads until there is one, time is over, or the client is gone. */
async function atLeastOne(
  { waiters }: OutcomeParts,
  { first }: Map,
  waitMs: number,
  signal: AbortSignal,
  read: () => Promise<readonly number[]>,
): Promise<readonly number[]> {
  const untilMs = monotonicMs() + waitMs;
  for (;;) {
    const leftMs = Math.max(0, untilMs - monotonicMs());
    // Waits from before it reads, so that no end falls between.
    const stop = new AbortController();
    const ended = waiters.untilNextEnd(first, leftMs, AbortSignal.any([signal, stop.signal]));
    try {
      const found = await read();
      if (found.length > 0 || leftMs === 0 || signal.aborted) return found;
      await ended;
    } finally {
      stop.abort();
    }
  }
}

async function mapOf({ store }: OutcomeParts, caller: Caller, id: string): Promise<Map> {
  const found = await theirs(store, caller, id, "see the results of");
  if (found.arrayJobId === null || !namesArray(id, found))
    throw new GleanerError("BAD_REQUEST", `${id} is not a map: ask for its answer instead`);
  return { first: found.arrayJobId, tasks: await store.tasksOf(found.arrayJobId) };
}

/** The tasks from one on that have ended, up to the first that has not. */
function endedFrom({ live }: OutcomeParts, { first }: Map, from: number, most: number): number[] {
  const numbers: number[] = [];
  while (numbers.length < most && !live.has(invocationId(first + from + numbers.length)))
    numbers.push(from + numbers.length);
  return numbers;
}

/** The tasks whose ends were recorded after the first `after` ones, in that order. */
async function endsAfter(
  { store }: OutcomeParts,
  { first }: Map,
  after: number,
  most: number,
): Promise<number[]> {
  const numbers: number[] = [];
  for (const { number, firstId, lastId } of await store.listMapEnds(first, after, most))
    for (let id = firstId + Math.max(0, after + 1 - number); id <= lastId; id++)
      if (numbers.length < most) numbers.push(id - first);
  return numbers;
}
