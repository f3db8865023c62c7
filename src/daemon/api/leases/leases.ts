// Requests about leases: get workers, follow them, renew and end the lease. A user can access only
// their own; keys go to the owner alone.

import { monotonicMs, nowMs } from "../../../clock.js";
import type { Config } from "../../../config.js";
import type { LeaseRecord } from "../../../core/ports/leases.js";
import { askedLease, functionOfLease } from "../../../core/submission/call.js";
import { counted } from "../../../model/counted.js";
import { GleanerError } from "../../../model/errors.js";
import { type InvocationId, invocationId } from "../../../model/ids.js";
import type { AskedOf, LeaseEndpoint, LeaseView } from "../../../wire/api/types.js";
import type { Secrets } from "../../auth/tokens.js";
import {
  type Leases,
  type LiveLease,
  type ServingWorker,
  workerNameOf,
} from "../../leases/leases.js";
import { callable } from "../calls/accepting.js";
import { type AheadRoutes, acceptAhead } from "../calls/unrecorded.js";
import { type Caller, goneSignal } from "../server/caller.js";
import type { Handlers } from "../server/register.js";
import { theirs } from "../users.js";

export interface LeaseRoutes extends AheadRoutes {
  readonly leases: Leases;
  readonly secrets: Pick<Secrets, "ofLease">;
  readonly leasePolicy: Config["leases"];
}

type LeaseHandlers = Pick<
  Handlers,
  "requestLease" | "listLeases" | "lease" | "renewLease" | "endLease"
>;
type Asked = AskedOf<"requestLease", "body">;

export function leaseHandlers(deps: LeaseRoutes): LeaseHandlers {
  const { leases, store, waiters } = deps;
  /** null if it has ended. */
  const own = async (caller: Caller, id: number, verb: string): Promise<LiveLease | null> => {
    const first = await theirs(store, caller, String(id), verb);
    return leases.get(first.arrayJobId ?? first.id) ?? null;
  };
  return {
    requestLease: async ({ caller, body, request, reply }) => {
      const id = await begin(deps, caller, body);
      const detail = `lease of ${counted(body.workers, "worker")} of ${body.function}`;
      request.act = { action: "submit", subject: String(id), detail };
      return granted(deps, caller, id, body, goneSignal(reply));
    },
    listLeases: async ({ caller }) => {
      const seen = [...leases.all].filter(({ uid }) => caller.operator || uid === caller.uid);
      return { leases: seen.flatMap((lease) => viewOf(deps, lease, null) ?? []) };
    },
    lease: async ({ caller, params: { id }, query: { revision, waitMs }, reply }) => {
      const lease = await own(caller, id, "see");
      if (lease !== null && revision === lease.revision && waitMs > 0)
        await waiters.untilLeaseChanges(lease.id, waitMs, goneSignal(reply));
      const view = lease && viewOf(deps, lease, caller);
      if (lease === null || view === null) return endedView(deps, caller, id);
      const ended = await store.leaseRecord(lease.id);
      return { ...view, used: leaseUse([ended, ...runningIn(deps, lease)]) };
    },
    renewLease: async ({ caller, params: { id }, body, request }) => {
      const lease = await own(caller, id, "renew");
      if (lease === null || lease.endReason !== null)
        throw new GleanerError("NOT_FOUND", `lease ${id} has ended: request another one`);
      const ttlMs = body.ttlMs ?? lease.terms.ttlMs;
      requireTtl(deps.leasePolicy, ttlMs);
      leases.extend(lease, ttlMs);
      request.act = null;
      return { expiresInMs: ttlMs, revision: lease.revision };
    },
    endLease: async ({ caller, params: { id }, request }) => {
      const lease = await own(caller, id, "end");
      if (lease === null) return { state: "ENDED" };
      request.act = { action: "cancel", subject: String(id), detail: "lease" };
      await leases.end(lease, `ended by ${caller.user}`);
      return { state: "TERMINATING" };
    },
  };
}

/** Puts the tasks of the lease into the queue; they are recorded while its workers start. */
async function begin(deps: LeaseRoutes, caller: Caller, asked: Asked): Promise<InvocationId> {
  const { leases, leasePolicy, admission } = deps;
  const { workers, atLeast } = asked;
  if (atLeast > workers)
    throw new GleanerError(
      "BAD_REQUEST",
      `atLeast: ${atLeast} of ${workers} workers: ask for less`,
    );
  if (typeof admission.longestInPilotMs === "number")
    throw new GleanerError(
      "BAD_REQUEST",
      "on this site functions run in Slurm jobs (placement.launcher: pilot), where no workers can be leased: call the function (glean invoke)",
    );
  requireTtl(leasePolicy, asked.ttlMs ?? leasePolicy.defaultTtlMs);
  const arrived = leases.reserve(caller.uid, workers);
  try {
    const { id } = await acceptAhead(deps, caller, asked, () => tasksOf(deps, caller, asked));
    leases.add(id);
    return id;
  } finally {
    arrived();
  }
}

async function tasksOf(deps: LeaseRoutes, caller: Caller, asked: Asked) {
  const { leasePolicy, admission } = deps;
  const { requestId, workers, cores, memoryMb, hotMs } = asked;
  const version = await callable(deps, caller, asked.function);
  const ttlMs = asked.ttlMs ?? leasePolicy.defaultTtlMs;
  const terms = { hotMs, ttlMs, idleMs: asked.idleMs ?? leasePolicy.idleMs };
  const timeLimitMs = admission.maxTimeLimitMs;
  const wanted = { workers, cores, memoryMb, timeLimitMs, terms };
  const submission = askedLease(version, caller, wanted);
  const inputs = Array.from({ length: workers }, () => ({ contentType: "", body: noBytes }));
  return { requestId, submission, inputs };
}

const noBytes = new Uint8Array();

function requireTtl({ maxTtlMs }: Config["leases"], ttlMs: number): void {
  if (ttlMs > maxTtlMs)
    throw new GleanerError(
      "BAD_REQUEST",
      `ttlMs: ${ttlMs} ms, and the site allows ${maxTtlMs} ms (leases.maxTtlMs): renew more often`,
    );
}

/**
 * Resolves once enough workers serve; rejects with LEASE_NOT_GRANTED if they do not in time, or the
 * lease ends before.
 */
async function granted(
  deps: LeaseRoutes,
  caller: Caller,
  id: InvocationId,
  { atLeast, workers, waitMs }: Asked,
  gone: AbortSignal,
): Promise<LeaseView> {
  const { leases, waiters } = deps;
  const untilMs = monotonicMs() + waitMs;
  const asked = leases.get(id);
  if (asked !== undefined) leases.extend(asked, waitMs + asked.terms.ttlMs);
  for (;;) {
    const lease = leases.get(id);
    if (lease === undefined || lease.endReason !== null) {
      const why = lease?.endReason ?? (await endedView(deps, caller, id)).reason;
      throw new GleanerError(
        "LEASE_NOT_GRANTED",
        `lease ${id} has ended before its workers served: ${why ?? "its workers ended"} (glean explain ${id})`,
      );
    }
    if (lease.workers.size >= atLeast) {
      // The time that the grant took is no part of the first ttl.
      leases.extend(lease, lease.terms.ttlMs);
      return viewOf(deps, lease, caller)!;
    }
    const leftMs = untilMs - monotonicMs();
    if (leftMs <= 0 || gone.aborted) {
      const serving = lease.workers.size;
      const why = deps.live.oneOf(id)?.invocation.reason ?? null;
      await leases.end(lease, `not granted: ${serving} of ${workers} workers served in time`);
      throw new GleanerError(
        "LEASE_NOT_GRANTED",
        `${serving} of the ${counted(atLeast, "worker")} needed served within ${waitMs} ms${why === null ? "" : ` (${why})`}: ask for fewer, or wait for longer (glean explain ${id})`,
      );
    }
    await waiters.untilLeaseChanges(id, leftMs, gone);
  }
}

/** Without keys if `caller` is null or not the owner; null if its last task has just ended. */
function viewOf(deps: LeaseRoutes, lease: LiveLease, caller: Caller | null): LeaseView | null {
  const { live, leases, secrets } = deps;
  const one = live.oneOf(lease.id);
  if (one === undefined) return null;
  const { id, revision, terms, wanted, workers, endReason } = lease;
  const isOwner = caller !== null && caller.uid === lease.uid;
  const keyOf = (worker: ServingWorker) =>
    isOwner ? secrets.ofLease(workerNameOf(worker)).toString("hex") : null;
  const isEnding = endReason !== null;
  return {
    id,
    user: one.owner.user,
    function: functionOfLease(one.name),
    state: leases.stateOf(lease),
    revision,
    expiresInMs: Math.max(0, Math.ceil(lease.expiresAtMs - monotonicMs())),
    idleMs: terms.idleMs,
    hotMs: terms.hotMs,
    timeLimitMs: terms.callLimitMs,
    cores: one.cores,
    memoryMb: one.memoryMb,
    wanted,
    waiting: isEnding ? 0 : live.tasksOf(id)!.count - workers.size,
    reason: endReason ?? (workers.size === 0 ? one.invocation.reason : null),
    used: null,
    workers: [...workers.values()].map((each) => endpointOf(each, keyOf(each), isEnding)),
  };
}

/** Not measured yet: as the workers say, within the time that they have had. */
function runningIn({ live }: LeaseRoutes, { workers }: LiveLease): Used[] {
  return [...workers.values()].flatMap(({ key, usage: { busyMs, spinMs } }) => {
    const { startedAtMs, cores } = live.get(key.invocation)?.invocation ?? { startedAtMs: null };
    if (startedAtMs === null) return [];
    const coreMs = Math.max(0, nowMs() - startedAtMs) * cores!;
    const cpuMs = Math.min(coreMs, busyMs + spinMs);
    return [{ coreMs, cpuMs, spinMs: Math.min(cpuMs, spinMs) }];
  });
}

type Used = Pick<LeaseRecord, "coreMs" | "cpuMs" | "spinMs">;

/** The three add up to the core-time that they held. */
function leaseUse(parts: readonly Used[]): NonNullable<LeaseView["used"]> {
  const sum = (of: (part: Used) => number) => parts.reduce((all, part) => all + of(part), 0);
  return {
    callsCoreMs: sum(({ cpuMs, spinMs }) => cpuMs - spinMs),
    hotCoreMs: sum(({ spinMs }) => spinMs),
    heldCoreMs: sum(({ coreMs, cpuMs }) => coreMs - cpuMs),
  };
}

function endpointOf(worker: ServingWorker, key: string | null, isEnding: boolean): LeaseEndpoint {
  const { record, at, usage } = worker;
  const { toldEndAtMs } = record;
  return {
    worker: workerNameOf(worker),
    node: record.node,
    host: record.address,
    ...at,
    key,
    state: isEnding ? "terminating" : "serving",
    disconnected: record.isDisconnected,
    terminatingInMs: toldEndAtMs == null ? null : Math.max(0, Math.ceil(toldEndAtMs - nowMs())),
    ...usage,
  };
}

/** What is on record of a lease that has ended; rejects with NOT_FOUND for what is no lease. */
async function endedView({ store }: LeaseRoutes, caller: Caller, id: number): Promise<LeaseView> {
  const first = await theirs(store, caller, String(id), "see");
  const submission = await store.submissionOf(invocationId(id));
  const command = submission?.command;
  if (command?.kind !== "call" || command.lease === undefined)
    throw new GleanerError("NOT_FOUND", `${id} is no lease: see glean lease list`);
  const { owner, name, cores, memoryMb } = first;
  const record = await store.leaseRecord(first.id);
  return {
    id: first.id,
    user: owner.user,
    function: functionOfLease(name),
    state: "ENDED",
    revision: nowMs(),
    expiresInMs: 0,
    idleMs: command.lease.idleMs,
    hotMs: command.lease.hotMs,
    timeLimitMs: command.settings.timeLimitMs,
    ...{ cores, memoryMb, reason: record.reason },
    used: leaseUse([record]),
    wanted: await store.tasksOf(first.id),
    waiting: 0,
    workers: [],
  };
}
