// Keeps a lease: renews it, and follows which workers it has, until it ends. If calls still come
// then, another lease takes its place.

import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../../clock.js";
import { errorCodeOf, GleanerError, messageOf } from "../../model/errors.js";
import type { LeaseView } from "../../wire/api/types.js";
import type { LeaseClient } from "../functions/lease-client.js";
import { randomUuid } from "../random.js";
import type { LeaseOptions } from "./options.js";

const defaultTtlMs = 10_000;
const defaultWaitMs = 10_000;
const renewalsPerTtl = 3;
const followMs = 30_000;
const pauseMs = 500;
/** The handshakes with the first workers have gleanerd's and this program's time to themselves. */
const handshakesMs = 20;
/** Between two requests for a lease in the place of one that has ended: twice as long each time. */
const firstReplaceMs = 250;
const longestReplaceMs = 8_000;

/**
 * Requests a lease and keeps it; `onChange` is called with the grant first. Rejects with
 * LEASE_NOT_GRANTED, among what GleanerClient may.
 */
export async function keepLease(
  client: LeaseClient,
  options: LeaseOptions,
  onChange: (lease: LeaseView) => void,
): Promise<LeaseKeeper> {
  const { workers = 1, atLeast = 1, ttlMs = defaultTtlMs } = options;
  const request = (signal?: AbortSignal) =>
    client.request(
      {
        requestId: randomUuid(),
        function: options.function,
        workers,
        atLeast,
        cores: options.cores ?? null,
        memoryMb: options.memoryMb ?? null,
        ttlMs,
        hotMs: options.hotMs ?? 0,
        waitMs: options.waitMs ?? defaultWaitMs,
      },
      signal,
    );
  const lease = await request(options.signal);
  onChange(lease);
  return new LeaseKeeper(client, lease, request, ttlMs, onChange);
}

export class LeaseKeeper {
  /** Ends the loops of the lease that is kept now. */
  private over = new AbortController();
  private done: Promise<unknown>;
  private isStopped = false;
  private askedAtMs = monotonicMs();
  private replaceInMs = 0;

  constructor(
    private readonly client: LeaseClient,
    private lease: LeaseView,
    private readonly request: (signal: AbortSignal) => Promise<LeaseView>,
    private readonly ttlMs: number,
    private readonly onChange: (lease: LeaseView) => void,
  ) {
    this.done = this.keep();
  }

  get current(): LeaseView {
    return this.lease;
  }

  get isOver(): boolean {
    return this.lease.state === "ENDED";
  }

  /** A call has no worker: another lease is requested if this one has ended, but not too often. */
  replace(): void {
    const sinceMs = monotonicMs() - this.askedAtMs;
    if (!this.isOver || this.isStopped || sinceMs < this.replaceInMs) return;
    const nextMs = Math.min(longestReplaceMs, this.replaceInMs * 2);
    this.replaceInMs = sinceMs > longestReplaceMs ? firstReplaceMs : nextMs || firstReplaceMs;
    this.askedAtMs = monotonicMs();
    this.done = this.keepAnother(this.done);
    this.put({ ...this.lease, state: "PENDING", reason: null, workers: [] });
  }

  /** Ends the lease. If gleanerd is away, it ends by itself once it was not renewed. */
  async end(): Promise<void> {
    const wasOver = this.isOver;
    this.isStopped = true;
    this.over.abort();
    await this.done;
    if (wasOver) return;
    this.put({ ...this.lease, state: "ENDED", reason: "ended by its client", workers: [] });
    try {
      await this.client.end(this.lease.id);
    } catch (error) {
      const code = errorCodeOf(error);
      if (code !== "UNREACHABLE" && code !== "NOT_FOUND") throw error;
    }
  }

  private keep(): Promise<unknown> {
    return Promise.all([this.follow(), this.renew()]);
  }

  private async keepAnother(before: Promise<unknown>): Promise<void> {
    this.over = new AbortController();
    const { signal } = this.over;
    await before;
    try {
      this.change(await this.request(signal));
    } catch (error) {
      this.change({ ...this.lease, state: "ENDED", reason: messageOf(error) });
    }
    await this.keep();
  }

  private async follow(): Promise<void> {
    const { signal } = this.over;
    await pause(handshakesMs, undefined, { signal }).catch(() => {});
    await this.untilOver(async () => {
      const { id, revision } = this.lease;
      const lease = await this.client.follow(id, revision, followMs, signal).catch((error) => {
        if (!isUnknown(error)) throw error;
        // gleanerd was killed before the lease was on record.
        this.change({ ...this.lease, state: "PENDING", workers: [] });
        return this.request(signal);
      });
      if (lease.id !== id || lease.revision !== revision) this.change(lease);
    });
  }

  private async renew(): Promise<void> {
    await this.untilOver(async () => {
      await pause(this.ttlMs / renewalsPerTtl, undefined, { signal: this.over.signal });
      const { id } = this.lease;
      await this.client.renew(id, this.ttlMs).catch((error) => {
        // follow() learns why, and may get another lease.
        if (!isUnknown(error)) throw error;
      });
    });
  }

  /** Workers serve on while gleanerd is away; a lease that it does not know has ended. */
  private async untilOver(step: () => Promise<void>): Promise<void> {
    const { signal } = this.over;
    while (!this.isOver && !signal.aborted) {
      try {
        await step();
      } catch (error) {
        if (signal.aborted) return;
        const isAway = error instanceof GleanerError && error.code === "UNREACHABLE";
        if (isAway) await pause(pauseMs, undefined, { signal }).catch(() => {});
        else this.change({ ...this.lease, state: "ENDED", reason: messageOf(error), workers: [] });
      }
    }
  }

  private change(lease: LeaseView): void {
    if (this.isOver) return;
    if (lease.state === "ENDED") this.over.abort();
    this.put(lease);
  }

  private put(lease: LeaseView): void {
    this.lease = lease;
    this.onChange(lease);
  }
}

const isUnknown = (error: unknown): boolean =>
  error instanceof GleanerError && error.code === "NOT_FOUND";
