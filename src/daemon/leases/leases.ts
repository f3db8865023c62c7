// The leases that have not ended: where their workers serve, until when each lasts, and its end.

import { clearTimeout, monotonicMs, nowMs, setTimeout, type Timer } from "../../clock.js";
import { counted } from "../../model/counted.js";
import { GleanerError } from "../../model/errors.js";
import type { LeaseDigest, LeaseUsage, ServingAt } from "../../model/functions/lease.js";
import type { LeaseState } from "../../model/functions/lease-state.js";
import type { InvocationId } from "../../model/ids.js";
import type { Invocation } from "../../model/invocation.js";
import { type AttemptKey, attemptName } from "../../wire/attempt-key.js";
import type { LeaseUsageMessage, ServingMessage } from "../../wire/calls.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { Registry } from "../state/registry.js";
import { Reservations } from "../state/reservations.js";

export interface LeasesDependencies {
  readonly live: LiveInvocations;
  readonly registry: Pick<Registry, "get">;
  readonly events: Events;
  readonly policy: { readonly maxPerUser: number; readonly maxWorkersPerUser: number };
  /** Ends what waits and what runs of an array. */
  readonly endTasks: (lease: InvocationId, reason: string) => Promise<void>;
  readonly onTrouble: (lease: InvocationId, problem: unknown) => void;
}

/** A worker that serves; what it says of itself is shown, and no more. */
export interface ServingWorker {
  readonly key: AttemptKey;
  readonly record: ExecutorRecord;
  readonly at: ServingAt;
  usage: LeaseUsage & { readonly clients: number };
}

export interface LiveLease {
  readonly id: InvocationId;
  readonly uid: number;
  readonly terms: LeaseDigest;
  readonly wanted: number;
  /** By the number of its invocation. */
  readonly workers: Map<InvocationId, ServingWorker>;
  /** Rises with each change, and over restarts. */
  revision: number;
  expiresAtMs: number;
  timer: Timer | undefined;
  /** Why it ends; null while nothing has ended it. */
  endReason: string | null;
}

const noUsage = { clients: 0, calls: 0, busyMs: 0, spinMs: 0 };

export class Leases {
  private readonly byId = new Map<InvocationId, LiveLease>();
  private readonly arriving = new Reservations<"leases" | "workers">();

  constructor(private readonly deps: LeasesDependencies) {
    const { events } = deps;
    events.subscribe(["invocationReturned"], ({ id, array }) => this.left(id, array));
    events.subscribe(["invocationEnded"], ({ invocation: { id, arrayJobId } }) =>
      this.left(id, arrayJobId),
    );
    events.subscribe(["arrayEnded"], ({ array }) => this.over(array));
    events.subscribe(["leaseFailed"], ({ lease, reason }) => this.failed(lease, reason));
  }

  get all(): Iterable<LiveLease> {
    return this.byId.values();
  }

  get(id: InvocationId): LiveLease | undefined {
    return this.byId.get(id);
  }

  /** Whether its worker runs and does not serve yet. */
  isStarting({ id, arrayJobId, state }: Pick<Invocation, "id" | "arrayJobId" | "state">): boolean {
    const lease = arrayJobId === null ? undefined : this.byId.get(arrayJobId);
    return state === "RUNNING" && lease !== undefined && !lease.workers.has(id);
  }

  /** Takes over the leases of an earlier gleanerd: their workers serve on. */
  recover(): void {
    const { live } = this.deps;
    const waiting = [...live.runs()].map((run) => run.at(run.fromId));
    for (const { arrayJobId, digest } of [...live.singles(), ...waiting])
      if (digest.lease !== undefined && arrayJobId !== null) this.add(arrayJobId);
  }

  /**
   * Counts a lease that is about to be recorded; returns the function that ends this. Throws
   * LIMIT_REACHED if the user may not lease that many workers more.
   */
  reserve(uid: number, workers: number): () => void {
    const { maxPerUser, maxWorkersPerUser } = this.deps.policy;
    let leases = this.arriving.sum("leases", uid);
    let held = this.arriving.sum("workers", uid);
    for (const each of this.byId.values()) {
      if (each.uid !== uid) continue;
      leases++;
      held += each.wanted;
    }
    if (leases >= maxPerUser)
      throw new GleanerError(
        "LIMIT_REACHED",
        `you have ${counted(leases, "lease")}, as many as a user may have here (leases.maxPerUser): end one with glean lease end`,
      );
    if (held + workers > maxWorkersPerUser)
      throw new GleanerError(
        "LIMIT_REACHED",
        `your leases have ${counted(held, "worker")}, and a user may have ${maxWorkersPerUser} here (leases.maxWorkersPerUser): ask for fewer, or end a lease`,
      );
    return this.arriving.make(uid, { leases: 1, workers });
  }

  /** The lease whose tasks are live; undefined if all have ended. */
  add(id: InvocationId): LiveLease | undefined {
    const known = this.byId.get(id);
    const one = this.deps.live.oneOf(id);
    const terms = one?.digest.lease;
    if (known !== undefined || one === undefined || terms === undefined) return known;
    const lease: LiveLease = {
      id,
      uid: one.owner.uid,
      terms,
      wanted: this.deps.live.tasksOf(id)!.count,
      workers: new Map(),
      revision: nowMs(),
      expiresAtMs: 0,
      timer: undefined,
      endReason: null,
    };
    this.byId.set(id, lease);
    this.extend(lease, terms.ttlMs);
    return lease;
  }

  /** An executor tells where a worker serves, or what it does. */
  heard(record: ExecutorRecord, message: ServingMessage | LeaseUsageMessage): void {
    const { key } = message;
    const live = this.deps.live.get(key.invocation);
    const lease = live?.arrayJobId == null ? undefined : this.byId.get(live.arrayJobId);
    // Its attempt may have ended meanwhile.
    if (lease === undefined || !this.runsOn(live!, key, record)) return;
    if (message.type === "leaseUsage") {
      const { clients, calls, busyMs, spinMs } = message;
      const worker = lease.workers.get(key.invocation);
      if (worker !== undefined) worker.usage = { clients, calls, busyMs, spinMs };
      return;
    }
    const { port, socket, hostId } = message;
    const at = { port, socket, hostId };
    lease.workers.set(key.invocation, { key, record, at, usage: noUsage });
    // It may have been ordered before the last renewal.
    this.tell(lease, record, key);
    this.changed(lease);
  }

  /** It ends `ttlMs` from now, unless this is called again. */
  extend(lease: LiveLease, ttlMs: number): void {
    lease.expiresAtMs = monotonicMs() + ttlMs;
    clearTimeout(lease.timer);
    if (lease.endReason !== null) return;
    lease.timer = setTimeout(() => this.expire(lease, ttlMs), ttlMs);
    for (const { record, key } of lease.workers.values()) this.tell(lease, record, key);
  }

  /** Its workers finish what they run; a second call changes nothing. */
  async end(lease: LiveLease, reason: string): Promise<void> {
    if (lease.endReason !== null) return;
    lease.endReason = reason;
    clearTimeout(lease.timer);
    this.changed(lease);
    await this.deps.endTasks(lease.id, reason);
  }

  stateOf({ endReason, workers }: LiveLease): LeaseState {
    if (endReason !== null) return "TERMINATING";
    return workers.size > 0 ? "ACTIVE" : "PENDING";
  }

  close(): void {
    for (const { timer } of this.byId.values()) clearTimeout(timer);
  }

  private expire(lease: LiveLease, ttlMs: number): void {
    const reason = `its client did not renew the lease within ${ttlMs} ms`;
    this.endSurely(lease, reason, ttlMs);
  }

  private failed(id: InvocationId, reason: string): void {
    const lease = this.byId.get(id);
    if (lease !== undefined) this.endSurely(lease, reason, lease.terms.ttlMs);
  }

  private endSurely(lease: LiveLease, reason: string, ttlMs: number): void {
    void this.end(lease, reason).catch((problem: unknown) => {
      this.deps.onTrouble(lease.id, problem);
      // A full disk is not repaired sooner.
      lease.endReason = null;
      this.extend(lease, ttlMs);
    });
  }

  private tell({ expiresAtMs }: LiveLease, record: ExecutorRecord, key: AttemptKey): void {
    const inMs = Math.max(0, Math.ceil(expiresAtMs - monotonicMs()));
    record.line?.send({ type: "extendLease", key, inMs });
  }

  private runsOn(live: Live, { invocation, attempt }: AttemptKey, record: ExecutorRecord): boolean {
    const assignment = this.deps.live.assignments.get(invocation);
    const isCurrent = live.state === "RUNNING" && live.attempt === attempt;
    return isCurrent && assignment?.executor === record.id;
  }

  /** The attempt of a task is over. */
  private left(id: InvocationId, array: InvocationId | null): void {
    const lease = array === null ? undefined : this.byId.get(array);
    if (lease?.workers.delete(id)) this.changed(lease);
  }

  private over(id: InvocationId): void {
    const lease = this.byId.get(id);
    if (lease === undefined) return;
    clearTimeout(lease.timer);
    this.byId.delete(id);
    this.changed(lease);
  }

  private changed(lease: LiveLease): void {
    lease.revision++;
    this.deps.events.publish({ type: "leaseChanged", lease: lease.id });
  }
}

/** The name by which clients and the worker know it. */
export const workerNameOf = ({ key }: ServingWorker): string => attemptName(key);
