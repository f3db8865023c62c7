// Lists of invocations: read in pieces as the client takes them, so that a list of any length takes
// the memory of one piece.

import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import { clearTimeout, setTimeout } from "../../clock.js";
import type { Scan, ScanFilter, Store } from "../../core/ports/store.js";
import { UserSemaphores } from "../../limits/semaphore.js";
import { isTurnOver, nextTurn } from "../../limits/turns.js";
import type { TasksOfRun } from "../../model/array-tasks.js";
import { type InvocationId, invocationId, namesArray } from "../../model/ids.js";
import type { Invocation } from "../../model/invocation.js";
import { firstOf } from "../invocations/first-of.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import { LiveRun } from "../state/live-run.js";
import type { Caller } from "./server/caller.js";
import type { Sent } from "./server/register.js";

/** A client that takes no piece within this time is disconnected. */
const takeMs = 30_000;
/** About 60 kB of JSON. */
const pieceRows = 128;
/** How many lists of one user are read at once; the user's other lists wait. */
const maxReading = 4;
const maxWaitingToRead = 500;

/**
 * `run`: the tasks that wait with it, if they are listed as one. `mostRunning`: how many tasks of
 * the array of one that waits run at once, if that is limited. `beginAtMs`: before this time, one
 * that waits does not begin.
 */
export type Listed = Invocation & {
  readonly run?: TasksOfRun;
  readonly mostRunning?: number;
  readonly beginAtMs?: number;
};

function listed({ invocation, submission }: Live): Listed {
  const { mostRunning, beginAtMs } = submission.schedule ?? {};
  if (invocation.state !== "PENDING") return invocation;
  const isLimited = mostRunning !== undefined && invocation.arrayJobId !== null;
  if (!isLimited && beginAtMs === undefined) return invocation;
  return {
    ...invocation,
    ...(isLimited && { mostRunning }),
    ...(beginAtMs !== undefined && { beginAtMs }),
  };
}

export type Pieces = AsyncIterable<readonly Listed[]>;

/** Serves the lists of each user in turn. */
export class Listings {
  private readonly readers = new UserSemaphores(maxReading, {
    most: maxWaitingToRead,
    refusal: "you requested too many lists at once: wait until some are answered",
  });

  /** Answers with at most `limit` of `pieces` as an InvocationList. */
  send(caller: Caller, reply: FastifyReply, pieces: Pieces, limit: number): Promise<Sent> {
    const closed = new Promise<void>((resolve) => reply.raw.once("close", resolve));
    return new Promise<Sent>((resolve, reject) => {
      // The turn lasts until the client has everything: what it has not taken is in memory.
      const answer = async () => {
        if (reply.raw.destroyed) return resolve(undefined);
        const text = Readable.from(textOf(reply, pieces, limit), { highWaterMark: 1 });
        resolve(reply.type("application/json").send(text));
        return closed;
      };
      this.readers.run(caller.uid, answer).catch(reject);
    });
  }
}

async function* textOf(reply: FastifyReply, pieces: Pieces, limit: number): AsyncIterable<string> {
  let sent = 0;
  let text = '{"invocations":[';
  let truncated = false;
  for await (const piece of pieces) {
    if (reply.raw.destroyed) return;
    for (const each of piece) {
      if (sent === limit) {
        truncated = true;
        break;
      }
      text += `${sent++ === 0 ? "" : ","}${JSON.stringify(each)}`;
    }
    if (truncated) break;
    if (text === "") continue;
    const timer = setTimeout(() => reply.raw.destroy(), takeMs);
    try {
      yield text;
    } finally {
      clearTimeout(timer);
    }
    text = "";
    // The pieces of a list in memory are ready at once, and a quick client takes each at once.
    await nextTurn();
  }
  yield `${text}],"truncated":${truncated}}`;
}

/** `before`: only smaller ids, of a list that shows the newest first. */
export type ListFilter = ScanFilter & { readonly before?: number };

/** What a list shows, in its order: little to hold, however long the client takes to read it. */
function entriesOf(live: LiveInvocations, filter: ListFilter): (Live | LiveRun)[] {
  const { newestFirst = false, before = Number.MAX_SAFE_INTEGER } = filter;
  const all = openOf(live, filter).filter((each) => firstIn(each) < before);
  const direction = newestFirst ? -1 : 1;
  return all.sort((left, right) => direction * (firstIn(left) - firstIn(right)));
}

function openOf(live: LiveInvocations, { uid, arrayJobId }: ListFilter): (Live | LiveRun)[] {
  if (arrayJobId === undefined) return [...live.singles(uid), ...live.runs(uid)];
  const tasks = live.tasksOf(arrayJobId);
  return tasks === null ? [] : [...tasks.singles, ...live.room.runs(tasks.ids)];
}

const firstIn = (entry: Live | LiveRun): InvocationId =>
  entry instanceof LiveRun ? entry.fromId : entry.id;

/**
 * An invocation that is not final has a record in memory, which changes once the store has changed.
 * Each is looked up when its piece is due.
 */
export async function* livePieces(live: LiveInvocations, filter: ListFilter): Pieces {
  const { newestFirst = false, before = Number.MAX_SAFE_INTEGER } = filter;
  let piece: Listed[] = [];
  let examined = 0;
  for (const entry of entriesOf(live, filter)) {
    const first = firstIn(entry);
    const last = entry instanceof LiveRun ? Math.min(entry.toId, before - 1) : first;
    for (let at = 0; at <= last - first; at++) {
      if (isTurnOver(examined++)) await nextTurn();
      const found = live.get(invocationId(newestFirst ? last - at : first + at));
      const each = found === undefined ? undefined : listed(found);
      if (each === undefined || !passes(each, filter)) continue;
      piece.push(each);
      if (piece.length < pieceRows) continue;
      yield piece;
      piece = [];
    }
  }
  yield piece;
}

/** As livePieces(); the tasks of an array that wait together are one entry, the first of them. */
export async function* foldedPieces(live: LiveInvocations, filter: ListFilter): Pieces {
  let piece: Listed[] = [];
  for (const [at, entry] of entriesOf(live, filter).entries()) {
    if (isTurnOver(at)) await nextTurn();
    const each = folded(entry);
    if (!passes(each, filter)) continue;
    piece.push(each);
    if (piece.length < pieceRows) continue;
    yield piece;
    piece = [];
  }
  yield piece;
}

function folded(entry: Live | LiveRun): Listed {
  if (!(entry instanceof LiveRun)) return listed(entry);
  const { fromId, count, step } = entry;
  const first = listed(entry.at(fromId));
  return count === 1 ? first : { ...first, run: { count, step } };
}

export async function* storedPieces(store: Store, filter: ListFilter): Pieces {
  const { before = Number.MAX_SAFE_INTEGER, ...scanned } = filter;
  let afterId: number | null = filter.newestFirst ? before : 0;
  while (afterId !== null) {
    const scan: Scan = await store.scanInvocations(scanned, afterId);
    const { found } = scan;
    for (let at = 0; at < found.length; at += pieceRows) yield found.slice(at, at + pieceRows);
    afterId = scan.scannedTo;
  }
}

/**
 * The invocations of an id: an array's tasks, one task, or a single invocation. `folded`: where the
 * tasks are read as by foldedPieces(); null to read each.
 */
export async function* namedPieces(
  store: Store,
  id: string,
  filter: ListFilter,
  folded: LiveInvocations | null = null,
): Pieces {
  const first = await firstOf(store, id);
  // The tasks of an array have one owner.
  if (first === null || (filter.uid ?? first.owner.uid) !== first.owner.uid) return;
  if (namesArray(id, first)) {
    const ofArray = { ...filter, arrayJobId: first.arrayJobId! };
    yield* folded === null ? storedPieces(store, ofArray) : foldedPieces(folded, ofArray);
  } else if (first.id < (filter.before ?? Infinity) && passes(first, filter)) yield [first];
}

/** With why they wait, which only the memory knows. */
export async function* withReasons(live: LiveInvocations, pieces: Pieces): Pieces {
  for await (const piece of pieces)
    yield piece.map((each) => {
      const isKnown = each.state !== "PENDING" || each.run !== undefined;
      const found = isKnown ? undefined : live.get(each.id);
      return found === undefined ? each : listed(found);
    });
}

/** Each one once, however often it is named. */
export async function* allNamedPieces(
  store: Store,
  ids: readonly string[],
  filter: ListFilter,
  folded: LiveInvocations | null,
): Pieces {
  const seen = new Set<InvocationId>();
  const named = new Set(ids);
  // An answer that does not hold all of them has the newest.
  const ordered = filter.newestFirst ? [...named].sort(byNewest) : named;
  for (const id of ordered) {
    // Pages rely on the order of the ids: a task comes with its array, if that is named as well.
    const isWithArray = ({ arrayJobId }: Invocation) =>
      `${arrayJobId}` !== id && named.has(`${arrayJobId}`);
    for await (const piece of namedPieces(store, id, filter, folded)) {
      const fresh = piece.filter((each) => !seen.has(each.id) && !isWithArray(each));
      for (const each of fresh) seen.add(each.id);
      yield fresh;
    }
  }
}

const byNewest = (left: string, right: string): number =>
  Number(right.split("_")[0]) - Number(left.split("_")[0]) ||
  Number(right.split("_")[1] ?? 0) - Number(left.split("_")[1] ?? 0);

const passes = (
  { owner, state, endedAtMs }: Pick<Invocation, "owner" | "state" | "endedAtMs">,
  { uid, states, sinceMs }: ScanFilter,
): boolean =>
  (uid === undefined || owner.uid === uid) &&
  (states === undefined || states.includes(state)) &&
  (sinceMs === undefined || endedAtMs === null || endedAtMs >= sinceMs);
