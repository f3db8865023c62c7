// One lease in a worker: tells it to serve, and ends that when the lease is not renewed, when no
// client is there, or when it was told to.

import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../../clock.js";
import type { LeaseUsage, ServingAt } from "../../../model/functions/lease.js";
import { attemptName } from "../../../wire/attempt-key.js";
import type { LeaseCommand } from "../../../wire/calls.js";
import type { AttemptKey, CallAttemptOrder } from "../../../wire/messages.js";
import { defaultMaxClients, type ServeUsage, type Serving } from "../../../wire/worker/serving.js";
import { answerOf } from "../../../workers/answers.js";
import type { CallEnd, WorkerChannel } from "../../../workers/worker-channel.js";
import { WorkerFailure } from "../../../workers/worker-failure.js";
import type { Work, WorkEnd } from "./work.js";

/** A worker finishes its calls within a second, then it says so. */
const stopPatienceMs = 5_000;
/** Enough for clients to finish their calls and to get another worker. */
const terminatingLeadMs = 3_000;

/** When the node is expected to be needed, on this process's monotonic clock. */
export interface Foreseen {
  readonly atMs: number;
  readonly reason: string;
}

export interface LeaseEvents {
  /** The worker listens: once. */
  onServing(run: LeaseRun): void;
  onUsage(run: LeaseRun): void;
  /** The worker must be killed. */
  onLate(failure: WorkerFailure): void;
  onClosed(run: LeaseRun): void;
}

export class LeaseRun implements Work {
  readonly isLease = true;
  readonly sending = "sent";
  readonly key: AttemptKey;
  /** Where it serves; null before. */
  at: Omit<ServingAt, "hostId"> | null = null;
  clients = 0;
  private used: LeaseUsage = { calls: 0, busyMs: 0, spinMs: 0 };
  private readonly lease: LeaseCommand;
  private serve: { readonly channel: WorkerChannel; readonly id: number } | null = null;
  private servingSinceMs = 0;
  /** The node ends it; null: it was told to, or goes on. */
  private reason: string | null = null;
  private hadClients = false;
  /** Its client waits for more workers of the lease, and knows of none before. */
  private awaitsGrant = false;
  private isStopping = false;
  private isOver = false;
  private foreseen: Foreseen | null = null;
  private readonly timers: Partial<Record<"ttl" | "idle" | "stop" | "terminating", Timer>> = {};

  constructor(
    private readonly order: CallAttemptOrder,
    lease: LeaseCommand,
    private readonly events: LeaseEvents,
  ) {
    this.lease = lease;
    this.key = { invocation: order.invocation, attempt: order.attempt };
    this.extend(lease.ttlMs);
  }

  get id(): number | null {
    return this.serve?.id ?? null;
  }

  get usage(): LeaseUsage {
    return this.used;
  }

  async begin(channel: WorkerChannel): Promise<WorkEnd | null> {
    if (this.isStopping) return { kind: "served", reason: this.reason };
    const { hotMs, ports, ofiProvider, key } = this.lease;
    // Its clients may be on their way while it thaws: the kernel lets them wait for it.
    const kept = channel.place.for(ports);
    if (kept !== null) this.servesAt(kept);
    const { id, end } = channel.serve(
      {
        worker: attemptName(this.key),
        key: Buffer.from(key).toString("hex"),
        hotMs,
        ports,
        ofiProvider,
        maxClients: defaultMaxClients,
      },
      {
        onServing: (at) => {
          channel.place.serves(ports, at);
          this.servesAt(at);
        },
        onUsage: (usage) => this.onUsage(usage),
      },
    );
    this.serve = { channel, id };
    this.announceEnd();
    return this.endOf(await end);
  }

  /** A worker that does not obey is killed. */
  stop(): void {
    if (this.isStopping) return;
    this.isStopping = true;
    if (this.serve === null) return;
    const { channel, id } = this.serve;
    channel.cancel(id);
    this.wait("stop", stopPatienceMs, () => {
      const message = `the worker did not stop serving clients within ${stopPatienceMs} ms`;
      this.events.onLate(new WorkerFailure("LATE", message));
    });
  }

  /** It was renewed: it ends this long from now. */
  extend(inMs: number): void {
    const why = "the lease was not renewed in time";
    this.wait("ttl", inMs, () => this.stopFor(why));
    if (this.at === null || this.hadClients) return;
    // The libraries renew a lease for its time to live, so a longer time is a wait for its grant.
    const awaitsGrant = inMs > this.lease.ttlMs;
    if (awaitsGrant) this.endIdle(inMs);
    else if (this.awaitsGrant) this.endIdle(this.firstIdleMs);
    this.awaitsGrant = awaitsGrant;
  }

  /** A new client may take as long to come as it may take to renew. */
  private get firstIdleMs(): number {
    return Math.max(this.lease.idleMs, this.lease.ttlMs);
  }

  private servesAt({ port, socket }: Serving): void {
    if (this.at !== null) {
      if (this.at.port === port && this.at.socket === socket) return;
      const message = "the worker does not serve where it went on to listen after an earlier lease";
      this.events.onLate(new WorkerFailure("OUT_OF_TURN", message));
      return;
    }
    this.at = { port, socket };
    this.servingSinceMs = monotonicMs();
    this.endIdle(this.firstIdleMs);
    this.events.onServing(this);
  }

  /** null: the end is not expected any more. */
  foresee(foreseen: Foreseen | null): void {
    this.foreseen = foreseen;
    this.announceEnd();
  }

  close(): void {
    this.isOver = true;
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
    this.events.onClosed(this);
  }

  /** Clients are told shortly before, because until then they have no better worker. */
  private announceEnd(): void {
    clearTimeout(this.timers.terminating);
    if (this.foreseen === null || this.serve === null) return;
    const { atMs, reason } = this.foreseen;
    const leftMs = () => Math.max(0, Math.ceil(atMs - monotonicMs()));
    // A plan that did not come true.
    if (leftMs() === 0) return;
    const { channel, id } = this.serve;
    this.wait("terminating", Math.max(0, leftMs() - terminatingLeadMs), () =>
      channel.terminating(id, { inMs: leftMs(), reason }),
    );
  }

  /** The worker's word is shown, so it must be possible; only `clients` decides anything. */
  private onUsage({ clients, calls, busyMs, spinMs }: ServeUsage): void {
    const elapsedMs = monotonicMs() - this.servingSinceMs;
    const { concurrency } = this.order.command.settings;
    this.used = {
      calls,
      busyMs: Math.min(busyMs, elapsedMs * concurrency),
      spinMs: Math.min(spinMs, elapsedMs),
    };
    const hasLost = this.clients > 0 && clients === 0;
    this.clients = Math.min(clients, defaultMaxClients);
    this.hadClients ||= this.clients > 0;
    if (this.clients > 0) clearTimeout(this.timers.idle);
    else if (hasLost) this.endIdle(this.lease.idleMs);
    this.events.onUsage(this);
  }

  private endIdle(afterMs: number): void {
    this.wait("idle", afterMs, () =>
      this.stopFor(`no client was connected to its worker for ${afterMs} ms`),
    );
  }

  private stopFor(reason: string): void {
    this.reason ??= reason;
    this.stop();
  }

  private endOf(end: CallEnd): WorkEnd | null {
    if (end.kind === "lost") return null;
    if (end.kind === "returned") return { kind: "served", reason: this.reason };
    const leaves = end.error.kind === "exit";
    return { kind: "answered", answer: answerOf(end), leaves };
  }

  private wait(what: keyof typeof this.timers, delayMs: number, act: () => void): void {
    clearTimeout(this.timers[what]);
    if (!this.isOver) this.timers[what] = setTimeout(act, delayMs);
  }
}
