// The requests to hold and to release what waits, and to cancel or to signal, by ids or by a
// filter: waiting invocations end in one transaction, and executors are told of running ones.

import type { Logger } from "pino";
import type { Store } from "../../core/ports/store.js";
import { GleanerError } from "../../model/errors.js";
import { type InvocationId, namesArray } from "../../model/ids.js";
import { type Change, submissionIdOf } from "../../model/invocation.js";
import type { AskedOf, CancelAnswer, HoldAnswer } from "../../wire/api/types.js";
import {
  type Chosen,
  endChosen,
  endRunning,
  limitRunning,
  signalChosen,
  tasksOfArray,
  unsentTo,
} from "../executors/ending.js";
import type { Executors } from "../executors/executors.js";
import { DesertedRuns } from "../invocations/ends/deserted-runs.js";
import type { Waiters } from "../invocations/waiters.js";
import type { Changes } from "../scheduling/changes.js";
import { openOf } from "../scheduling/open.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { LiveRun } from "../state/live-run.js";
import type { Registry } from "../state/registry.js";
import type { Caller } from "./server/caller.js";
import type { Handlers } from "./server/register.js";
import { chosenUid, theirs, type UserNames } from "./users.js";

export interface CancelRoutes extends UserNames {
  readonly store: Store;
  readonly live: LiveInvocations;
  readonly registry: Registry;
  readonly executors: Executors;
}

export interface DesertedRoutes extends CancelRoutes {
  readonly waiters: Pick<Waiters, "isAwaited">;
  readonly log: Logger;
  /** How long a run may wait without a client; if omitted, 10 s. */
  readonly desertedAfterMs?: number;
}

type Request = AskedOf<"cancel", "body">;
interface CancelFilter {
  readonly uid: number | undefined;
  readonly state: Request["state"];
  readonly name: Request["name"];
}

export function desertedRuns(deps: DesertedRoutes): DesertedRuns {
  const { live, store, waiters, log, desertedAfterMs } = deps;
  return new DesertedRuns({
    ...{ live, store, waiters },
    ...(desertedAfterMs !== undefined && { graceMs: desertedAfterMs }),
    end: (run, reason) => endChosen(deps, reason, { singles: [run], runs: [] }),
    onTrouble: (run, err) => log.error({ run, err }, "cannot cancel a run without a client"),
  });
}

export async function cancel(
  deps: CancelRoutes,
  caller: Caller,
  body: Request,
): Promise<CancelAnswer> {
  const named: Named[] = [];
  const { ids, user, state, name, signal, skipUnknown = false } = body;
  const look = async (id: string) => {
    const found = await find(deps, caller, id);
    if (found !== null) named.push(found);
    else if (signal !== undefined) throw new GleanerError("BAD_REQUEST", `${id} has ended`);
  };
  const problems = await problemsOf(ids, look, skipUnknown);
  if (ids.length === 0 && user === undefined && state === undefined && name === undefined)
    throw new GleanerError("BAD_REQUEST", "nothing selected to cancel: give ids, -u, -t or -n");
  const uid = await chosenUid(deps, caller, user, "cancel the invocations of");
  const chosen = ids.length === 0 ? allOf(deps.live, uid) : allNamed(deps.live, named);
  const filtered = {
    singles: [...chosen.singles].filter((each) => matches(each, { uid, state, name })),
    runs: chosen.runs.filter((run) => matches(run.at(run.fromId), { uid, state, name })),
  };
  const reason = `cancelled by ${caller.user}`;
  if (signal === undefined) return { cancelled: await endChosen(deps, reason, filtered), problems };
  const order = { signal: signal.number, to: signal.to };
  const { sent, problems: refused, waiting } = await signalChosen(deps, order, filtered);
  // What waits has no steps.
  if (signal.number === kill && signal.to !== "steps") {
    const ended = await endChosen(deps, reason, waiting);
    return { cancelled: sent + ended, problems: [...problems, ...refused] };
  }
  // A filter chooses what can take a signal.
  if (ids.length > 0) problems.push(...refused, ...unsentTo(waiting));
  return { cancelled: sent, problems };
}

const kill = 9;

/** An invocation or an array that had not ended when it was looked for. */
type Named = { readonly kind: "one" | "array"; readonly id: InvocationId };

/**
 * null if it has ended, which is what was asked for. Throws one sentence if there is no such id, or
 * if it is not the caller's.
 */
async function find(
  { live, store }: CancelRoutes,
  caller: Caller,
  id: string,
): Promise<Named | null> {
  const first = await theirs(store, caller, id, "cancel");
  if (!namesArray(id, first)) return live.has(first.id) ? { kind: "one", id: first.id } : null;
  const array = first.arrayJobId!;
  return live.hasArray(array) ? { kind: "array", id: array } : null;
}

function allNamed(live: LiveInvocations, named: readonly Named[]): Chosen {
  const singles = new Set<Live>();
  const runs = new Map<InvocationId, LiveRun>();
  for (const { kind, id } of named) {
    const tasks = kind === "array" ? tasksOfArray(live, id) : null;
    for (const each of tasks?.singles ?? []) singles.add(each);
    for (const run of tasks?.runs ?? []) runs.set(run.fromId, run);
  }
  // A task of a run that is cancelled as a whole needs no cancelling of its own.
  const inRuns = (id: InvocationId) =>
    [...runs.values()].some(({ fromId, toId }) => id >= fromId && id <= toId);
  for (const { kind, id } of named) {
    const single = kind === "one" && !inRuns(id) ? live.get(id) : undefined;
    if (single !== undefined) singles.add(single);
  }
  return { singles, runs: [...runs.values()] };
}

const allOf = (live: LiveInvocations, uid: number | undefined): Chosen => ({
  singles: live.singles(uid),
  runs: live.room.runsToEnd().filter((run) => uid === undefined || run.uid === uid),
});

const matches = ({ owner, state, name }: Live, filter: CancelFilter): boolean =>
  (filter.uid === undefined || owner.uid === filter.uid) &&
  (filter.state === undefined || state === filter.state) &&
  (filter.name === undefined || name === filter.name);

export interface HoldRoutes extends CancelRoutes {
  readonly changes: Pick<Changes, "setHeld" | "setTaskHeld" | "update">;
}

export const holdHandlers = (deps: HoldRoutes): Pick<Handlers, "hold" | "requeue" | "update"> => ({
  requeue: async ({ caller, body: { ids }, request }) => {
    request.act = { action: "cancel", subject: ids.join(","), detail: "to be run again" };
    return { problems: await problemsOf(ids, (id) => requeue(deps, caller, id)) };
  },
  hold: async ({ caller, body, request }) => {
    request.act = { action: body.held ? "hold" : "release", subject: body.ids.join(",") };
    return hold(deps, caller, body);
  },
  update: async ({ caller, body: { ids, ...change }, request }) => {
    const detail = JSON.stringify(change);
    request.act = { action: "update", subject: ids.join(","), detail };
    return { problems: await problemsOf(ids, (id) => update(deps, caller, id, change)) };
  },
});

async function update(
  { store, changes, live, registry }: HoldRoutes,
  caller: Caller,
  id: string,
  change: Change,
): Promise<void> {
  const found = await theirs(store, caller, id, "change");
  if (found.arrayJobId !== null && !namesArray(id, found))
    throw new GleanerError(
      "BAD_REQUEST",
      `${id} is a task, and the tasks of an array have these in common: name ${found.arrayJobId}`,
    );
  const submission = submissionIdOf(found);
  await changes.update(submission, change, caller.operator);
  if (change.timeLimitMs !== undefined)
    await limitRunning({ live, registry }, openOf(live, submission).singles);
}

async function hold(
  deps: HoldRoutes,
  caller: Caller,
  { ids, held }: AskedOf<"hold", "body">,
): Promise<HoldAnswer> {
  const { store, changes } = deps;
  const change = async (id: string): Promise<void> => {
    const found = await theirs(store, caller, id, held ? "hold" : "release");
    if ((await find(deps, caller, id)) === null)
      throw new GleanerError("BAD_REQUEST", `${id} has ended, and stays as it was`);
    const submission = submissionIdOf(found);
    const { arrayTaskId } = found;
    if (arrayTaskId === null || namesArray(id, found)) await changes.setHeld(submission, held);
    else await changes.setTaskHeld(submission, arrayTaskId, held);
  };
  return { problems: await problemsOf(ids, change) };
}

/** Ends what runs, which waits again; what waits goes on waiting. */
async function requeue(deps: HoldRoutes, caller: Caller, id: string): Promise<void> {
  await theirs(deps.store, caller, id, "requeue");
  const found = await find(deps, caller, id);
  if (found === null)
    throw new GleanerError(
      "BAD_REQUEST",
      `${id} has ended, and its end stays on record: submit its script again, which scontrol write batch_script ${id} - prints`,
    );
  for (const each of allNamed(deps.live, [found]).singles) {
    if (each.state !== "RUNNING") continue;
    each.requeueRequested = true;
    endRunning(deps, each);
  }
}

/** A sentence for each id with which it did not succeed. */
async function problemsOf(
  ids: readonly string[],
  change: (id: string) => Promise<void>,
  skipUnknown = false,
): Promise<string[]> {
  const problems: string[] = [];
  for (const id of new Set(ids))
    try {
      await change(id);
    } catch (thrown) {
      if (!(thrown instanceof GleanerError)) throw thrown;
      if (!skipUnknown || thrown.code !== "NOT_FOUND") problems.push(thrown.message);
    }
  return problems;
}
