// What calls printed, also while they run: of one call, and of all calls of a function as they end.

import { monotonicMs, nowMs } from "../../../clock.js";
import { labelFor } from "../../../core/submission/call.js";
import { displayId, type Invocation } from "../../../model/invocation.js";
import type { AnswerOf, AskedOf } from "../../../wire/api/types.js";
import type { Caller } from "../server/caller.js";
import { theirCall } from "../users.js";
import type { CallRoutes } from "./accepting.js";

/** A client that follows a function sees what this many calls of it print while they run. */
const maxRunning = 20;

/** What was printed after the first `after` bytes. */
export async function readLog(
  deps: CallRoutes,
  caller: Caller,
  id: string,
  after: number,
): Promise<AnswerOf<"callLog">> {
  const found = await theirCall(deps.store, caller, id, "see what was printed by");
  const running = found.state === "RUNNING" ? await printedSoFar(deps, found) : null;
  // It may have ended meanwhile.
  const log = running ?? (await deps.store.callLogOf(found.id));
  const isOver = found.endedAtMs !== null;
  return { ...partAfter(log ?? new Uint8Array(), after), attempt: found.attempt, isOver };
}

/** null if its node does not answer. */
async function printedSoFar(
  { live, registry }: Pick<CallRoutes, "live" | "registry">,
  { id }: Invocation,
): Promise<Uint8Array | null> {
  const assignment = live.assignments.get(id);
  const record = assignment && registry.get(assignment.executor);
  const line = record?.line;
  if (assignment === undefined || record === undefined || line == null) return null;
  const { invocation, attempt } = assignment;
  const key = { invocation, attempt };
  return record.askedLogs.ask(key, () => line.send({ type: "fetchLog", key }));
}

/** The first line of a log that its executor cut (executor/workers/seats/call-log.ts). */
const cutOff = /^\[the first (\d{1,15}) bytes were dropped\]\n/;

/** Offsets count all that was printed, also what is lost. */
export function partAfter(log: Uint8Array, after: number): { text: string; next: number } {
  const bytes = Buffer.from(log);
  const [note = "", dropped = "0"] = cutOff.exec(bytes.toString("latin1", 0, 64)) ?? [];
  const from = Number(dropped);
  const kept = bytes.subarray(note.length);
  const next = from + kept.length;
  const part = after < from ? bytes : kept.subarray(after - from);
  return { text: part.toString("utf8"), next };
}

type AskedLogs = AskedOf<"functionLog", "params"> & AskedOf<"functionLog", "query">;

/** What the caller's own calls of a function printed; with `waitMs`, once there is something. */
export async function listLogs(
  { directory, store, waiters, live }: CallRoutes,
  caller: Caller,
  { owner, name, after, lastMs, limit, waitMs }: AskedLogs,
  signal: AbortSignal,
): Promise<AnswerOf<"functionLog">> {
  const { uid } = caller;
  const record = await directory.find(caller, owner === "-" ? null : owner, name, false);
  const label = labelFor(record, caller);
  const sinceMs = lastMs === undefined ? 0 : nowMs() - lastMs;
  const untilMs = monotonicMs() + waitMs;
  for (;;) {
    // Waits from before it reads, so that no end falls between.
    const stop = new AbortController();
    const ended = waiters.untilNextEndOf(
      uid,
      Math.max(0, untilMs - monotonicMs()),
      AbortSignal.any([signal, stop.signal]),
    );
    const found = await store.listLogs({ uid, name: label, after, sinceMs }, limit);
    if (found.logs.length > 0 || signal.aborted || monotonicMs() >= untilMs) {
      stop.abort();
      const logs = found.logs.map(({ id, endedAtMs, body }) => ({
        ...{ id, endedAtMs },
        text: Buffer.from(body).toString("utf8"),
      }));
      return { logs, next: found.next, running: runningOf(live, uid, label) };
    }
    await ended;
  }
}

/** Some calls of it that run. */
function runningOf(live: CallRoutes["live"], uid: number, label: string): string[] {
  const found: string[] = [];
  for (const each of live.singles(uid)) {
    if (each.state === "RUNNING" && each.name === label) found.push(displayId(each.invocation));
    if (found.length === maxRunning) break;
  }
  return found;
}
