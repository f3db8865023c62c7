// Requests about invocations: submit, list, show, wait, cancel. A user reaches only what is theirs.

import type { FastifyInstance } from "fastify";
import { nowMs } from "../../clock.js";
import { type AdmissionPolicy, admit, type LargestNode } from "../../core/admission.js";
import type { InvocationFilter, Store } from "../../core/ports.js";
import { assert, GleanerError } from "../../model/errors.js";
import { type InvocationId, invocationId } from "../../model/ids.js";
import { displayId, type Invocation, isFinal } from "../../model/invocation.js";
import {
  type CancelAnswer,
  type InvocationDetail,
  type InvocationList,
  maxListed,
  type SubmitAnswer,
} from "../../wire/api.js";
import type { Checkpoints } from "../checkpoints.js";
import type { Dispatcher } from "../dispatch.js";
import type { Executors } from "../executors.js";
import type { Live, LiveInvocations } from "../live.js";
import type { Registry } from "../registry.js";
import {
  cancelRequest,
  idParameter,
  invocationQuery,
  shaped,
  submitRequest,
  waitQuery,
} from "./schemas.js";
import type { Caller } from "./server.js";

export interface InvocationRoutes {
  readonly store: Store;
  readonly live: LiveInvocations;
  readonly registry: Registry;
  readonly executors: Executors;
  readonly dispatcher: Dispatcher;
  readonly checkpoints: Checkpoints;
  readonly admission: AdmissionPolicy;
  /** null before Slurm was read. */
  readonly largestNode: () => LargestNode | null;
}

export function addInvocationRoutes(server: FastifyInstance, with_: InvocationRoutes): void {
  server.post("/v1/invocations", async (request) =>
    submit(with_, request.caller, shaped(submitRequest, request.body)),
  );
  server.get("/v1/invocations", async (request) =>
    list(with_, request.caller, shaped(invocationQuery, request.query)),
  );
  server.get("/v1/invocations/:id", async (request) => {
    const { id } = shaped(idParameter, request.params);
    return detail(with_, request.caller, id);
  });
  server.get("/v1/invocations/:id/wait", async (request) => {
    const { id } = shaped(idParameter, request.params);
    const { timeoutMs } = shaped(waitQuery, request.query);
    return wait(with_, request.caller, id, timeoutMs);
  });
  server.post("/v1/cancel", async (request) =>
    cancel(with_, request.caller, shaped(cancelRequest, request.body)),
  );
}

/** Answers once the submission is durable. */
export async function submit(
  with_: InvocationRoutes,
  caller: Caller,
  body: ReturnType<typeof shaped<typeof submitRequest>>,
): Promise<SubmitAnswer> {
  const { live, store, dispatcher, checkpoints } = with_;
  const largest = with_.largestNode();
  const submission = admit(body.submission, caller.uid, live.queue.size, largest, with_.admission);
  if (submission.checkpoint) checkpoints.admit(submission.arrayTasks?.length ?? 1);
  const { uid, gid, user } = caller;
  const recorded = await store.submit({
    requestId: body.requestId,
    owner: { uid, gid, user },
    submission,
    submittedAtMs: nowMs(),
  });
  // The same request sent again finds its invocations under way, or ended.
  for (const invocation of recorded)
    if (invocation.state === "PENDING" && live.get(invocation.id) === undefined)
      live.add({ invocation, submission }, null);
  if (submission.checkpoint) checkpoints.submitted(recorded);
  dispatcher.kick();
  const first = recorded[0]!;
  return { id: first.arrayJobId ?? first.id, tasks: recorded.length };
}

async function list(
  with_: InvocationRoutes,
  caller: Caller,
  query: ReturnType<typeof shaped<typeof invocationQuery>>,
): Promise<InvocationList> {
  const { user, ids, states, sinceMs, limit } = query;
  if (user !== undefined && user !== caller.user && !caller.operator)
    throw new GleanerError(
      "NOT_ALLOWED",
      `${caller.user} may not see the invocations of ${user}: leave out -u`,
    );
  const shownUser = caller.operator ? user : caller.user;
  const filter = {
    ...(shownUser === undefined ? {} : { user: shownUser }),
    ...(states === undefined ? {} : { states }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
  const found =
    ids === undefined
      ? await with_.store.listInvocations({ ...filter, limit: limit + 1 })
      : await findAll(with_.store, ids, filter, limit + 1);
  return { invocations: found.slice(0, limit), truncated: found.length > limit };
}

type Filter = Omit<InvocationFilter, "limit" | "ids" | "arrayJobId" | "arrayTaskId">;

/** One after another and each once, until there are enough: a request must not cost more than its answer. */
async function findAll(
  store: Store,
  ids: readonly string[],
  filter: Filter,
  limit: number,
): Promise<readonly Invocation[]> {
  const found = new Map<InvocationId, Invocation>();
  for (const id of new Set(ids)) {
    if (found.size >= limit) break;
    for (const each of await find(store, id, filter, limit - found.size)) found.set(each.id, each);
  }
  return [...found.values()];
}

async function detail(
  with_: InvocationRoutes,
  caller: Caller,
  id: string,
): Promise<InvocationDetail> {
  const [invocation] = await theirs(with_.store, caller, id, "see");
  const [submission, attempts] = await Promise.all([
    with_.store.submissionOf(invocation!.id),
    with_.store.listAttempts(invocation!.id),
  ]);
  if (submission === null)
    throw new GleanerError("NOT_FOUND", `invocation ${id} has no submission`);
  const { environment: _, ...shown } = submission;
  return { invocation: invocation!, submission: shown, attempts };
}

async function wait(
  with_: InvocationRoutes,
  caller: Caller,
  id: string,
  timeoutMs: number,
): Promise<InvocationList> {
  const { live, store } = with_;
  const open = new Set<InvocationId>();
  for (const each of await theirs(store, caller, id, "wait for"))
    if (!isFinal(each.state)) open.add(each.id);
  // What ended between the look and the listening is no longer live.
  for (const each of open) if (live.get(each) === undefined) open.delete(each);
  if (open.size > 0)
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        live.off("changed", onChange);
        resolve();
      };
      const onChange = (changed: Invocation) => {
        if (isFinal(changed.state) && open.delete(changed.id) && open.size === 0) done();
      };
      const timer = setTimeout(done, timeoutMs);
      live.on("changed", onChange);
    });
  return { invocations: await find(store, id), truncated: false };
}

export async function cancel(
  with_: InvocationRoutes,
  caller: Caller,
  body: ReturnType<typeof shaped<typeof cancelRequest>>,
): Promise<CancelAnswer> {
  const problems: string[] = [];
  const chosen = new Map<InvocationId, Invocation>();
  for (const id of new Set(body.ids))
    try {
      for (const each of await theirs(with_.store, caller, id, "cancel")) chosen.set(each.id, each);
    } catch (thrown) {
      if (!(thrown instanceof GleanerError)) throw thrown;
      problems.push(thrown.message);
    }
  if (body.ids.length === 0)
    for (const each of matching(with_.live, caller, body)) chosen.set(each.id, each);
  const filtered = [...chosen.values()].filter((each) => matches(each, body));
  const results = await Promise.all(filtered.map((each) => cancelOne(with_, caller, each)));
  return {
    cancelled: results.filter((problem) => problem === null).length,
    problems: [...problems, ...results.filter((problem) => problem !== null)],
  };
}

type CancelFilter = Pick<
  ReturnType<typeof shaped<typeof cancelRequest>>,
  "user" | "state" | "name"
>;

const matches = (invocation: Invocation, filter: CancelFilter): boolean =>
  (filter.user === undefined || invocation.owner.user === filter.user) &&
  (filter.state === undefined || invocation.state === filter.state) &&
  (filter.name === undefined || invocation.name === filter.name);

/** All live ones that a filter without ids names; an empty filter names none. */
function matching(live: LiveInvocations, caller: Caller, filter: CancelFilter): Invocation[] {
  const { user, state, name } = filter;
  if (user === undefined && state === undefined && name === undefined)
    throw new GleanerError("BAD_REQUEST", "nothing was named to cancel: give an id, -u, -t or -n");
  if (user !== undefined && user !== caller.user && !caller.operator)
    throw new GleanerError(
      "NOT_ALLOWED",
      `${caller.user} may not cancel the invocations of ${user}`,
    );
  return [...live.all()]
    .map((each) => each.invocation)
    .filter((each) => caller.operator || each.owner.user === caller.user);
}

/** null when it is cancelled or about to be; else one sentence. */
async function cancelOne(
  with_: InvocationRoutes,
  caller: Caller,
  invocation: Invocation,
): Promise<string | null> {
  const live = with_.live.get(invocation.id);
  const shown = displayId(invocation);
  if (live === undefined) return `${shown} has ended already`;
  const reason = `cancelled by ${caller.user}`;
  if (live.invocation.state === "PENDING") {
    // One that is pending and not in the queue is being cancelled by somebody else at this moment.
    if (with_.live.queue.has(invocation.id)) await cancelPending(with_, live, reason);
    return null;
  }
  live.cancelRequested = true;
  const record = live.executor === null ? undefined : with_.registry.get(live.executor);
  if (record !== undefined) with_.executors.cancel(invocation.id, record, live.invocation.attempt);
  return null;
}

/** Taken out of the queue first, so that it cannot begin while its end is written. */
async function cancelPending(with_: InvocationRoutes, live: Live, reason: string): Promise<void> {
  const { id } = live.invocation;
  const endedAtMs = nowMs();
  with_.live.withdraw(live);
  try {
    const ended = await with_.store.endPending(id, "CANCELLED", reason, endedAtMs);
    assert(ended, `invocation ${id} was pending in the store as it was in memory`);
  } catch (thrown) {
    with_.live.restore(live);
    throw thrown;
  }
  with_.live.finish(live, { state: "CANCELLED", reason, endedAtMs });
}

/** The invocations an id names: an array's tasks, one task, or a single one. */
async function find(
  store: Store,
  id: string,
  filter: Filter = {},
  limit = maxListed,
): Promise<readonly Invocation[]> {
  const [job, task] = id.split("_").map(Number);
  const arrayJobId = invocationId(job!);
  if (task !== undefined)
    return store.listInvocations({ ...filter, arrayJobId, arrayTaskId: task, limit: 1 });
  const tasks = await store.listInvocations({ ...filter, arrayJobId, limit });
  return tasks.length > 0
    ? tasks
    : store.listInvocations({ ...filter, ids: [arrayJobId], limit: 1 });
}

/** As find, for what the caller may reach; throws NOT_FOUND or NOT_ALLOWED. */
export async function theirs(
  store: Store,
  caller: Caller,
  id: string,
  verb: string,
): Promise<readonly Invocation[]> {
  // The tasks of an array have one owner.
  const [first] = await find(store, id, {}, 1);
  if (first === undefined)
    throw new GleanerError("NOT_FOUND", `there is no invocation ${id}: see glean acct`);
  if (first.owner.uid !== caller.uid && !caller.operator)
    throw new GleanerError(
      "NOT_ALLOWED",
      `invocation ${id} belongs to another user: ${caller.user} may not ${verb} it`,
    );
  return find(store, id);
}
