// Decides how long a call's worker stays idle after it, and which workers are expected to be
// called, from the calls of each function so far.

import { nowMs } from "../../clock.js";
import { Arrivals, historyKey } from "../../core/functions/pool/arrivals.js";
import { Callers } from "../../core/functions/pool/callers.js";
import type { CallMade, ExpectedCalls } from "../../core/functions/pool/expected-calls.js";
import { beginsWithSpare } from "../../model/functions/settings.js";
import type { InvocationId } from "../../model/ids.js";
import type { Submission } from "../../model/invocation.js";
import { remember } from "../../model/remember.js";
import type { Events } from "../state/events.js";
import type { Live } from "../state/live-invocation.js";

/**
 * To stop a worker and start it again soon costs its node more than to keep it: one whose next call
 * is expected within this time stays until then.
 */
const throughMs = 600_000;
/** A day: a worker that waits longer is hardly warm, and timers end at 24 days. */
const longestMs = 86_400_000;
/** A worker is started this long before its call is expected: it waits for its turn, and loads. */
const leadMs = 5_000;
/** Their settings have up to 64 KiB each; the function called longest ago is forgotten first. */
const maxExpected = 500;

type Called = Pick<Live, "id" | "owner" | "workerKey" | "invocation">;

/**
 * As often a worker may be started between two calls of its function: each start is work that
 * nobody pays.
 */
const mostStarts = 8;

interface LastCall {
  readonly live: Called;
  readonly submission: Submission;
  /** How many workers were started ahead since. */
  starts: number;
}

export class KeepAlive {
  private readonly arrivals = new Arrivals();
  /** The functions of the calls that run. */
  private readonly running = new Map<InvocationId, string>();
  /** By function, in the order of these calls. */
  private readonly last = new Map<string, LastCall>();
  /** Who called functions whose workers may begin with spares. */
  readonly callers = new Callers<CallMade>();

  constructor(events: Events) {
    events.subscribe(["invocationEnded"], ({ invocation: { id } }) => {
      const key = this.running.get(id);
      if (key !== undefined) this.arrivals.callEnded(key, nowMs());
      this.running.delete(id);
    });
  }

  /**
   * An attempt is about to be ordered. In ms; null for what is no call, and for a function that
   * names a time itself. `isBehind`: for the worker of the call before it, so it needs no other.
   */
  keepMs(live: Called, submission: Submission, isBehind = false): number | null {
    const { id, owner } = live;
    const { command } = submission;
    if (command.kind !== "call" || command.isCheck === true) return null;
    const [functionOwner = "", name = ""] = command.function.split("/");
    const key = historyKey(String(owner.uid), functionOwner, name);
    // A later attempt, after an eviction, is no further call.
    if (!isBehind && !this.running.has(id)) this.arrivals.callArrived(key, nowMs());
    if (!isBehind) this.running.set(id, key);
    const isLease = command.lease !== undefined;
    if (!isLease && beginsWithSpare(command.settings, live.invocation.gpus))
      this.callers.called(owner.uid, { invocation: live.invocation, submission }, nowMs());
    if (command.settings.idleTimeoutMs !== null) return null;
    if (!isLease) remember(this.last, key, { live, submission, starts: 0 }, maxExpected);
    return this.learnedMs(key);
  }

  /** One entry a kind of worker: for the function that was called last. */
  expected(): readonly ExpectedCalls[] {
    const atMs = nowMs();
    const found = new Map<string, ExpectedCalls>();
    for (const [key, { live, submission, starts }] of this.last) {
      const { workerKey, invocation } = live;
      // No worker with GPUs is started ahead.
      if (workerKey === null || invocation.gpus > 0 || starts >= mostStarts) continue;
      const outlook = this.arrivals.outlook(key, atMs, {
        idleTimeoutMs: null,
        coldStartMs: leadMs,
      });
      const keepMs = this.learnedMs(key);
      found.set(workerKey, { workerKey, invocation, submission, outlook, keepMs });
    }
    return [...found.values()];
  }

  /** As `keepMs` of its last call; null if nobody has called it. */
  keptMs(workerKey: string): number | null {
    for (const [key, { live }] of this.last)
      if (live.workerKey === workerKey) return this.learnedMs(key);
    return null;
  }

  startedAhead(workerKey: string): void {
    for (const last of this.last.values()) if (last.live.workerKey === workerKey) last.starts++;
  }

  /** Its node had no room for the one that was started last. */
  notStarted(workerKey: string): void {
    for (const last of this.last.values()) if (last.live.workerKey === workerKey) last.starts--;
  }

  /** No worker of this kind is expected until its function is called again. */
  forget(workerKey: string): void {
    for (const [key, { live }] of this.last)
      if (live.workerKey === workerKey) this.last.delete(key);
  }

  private learnedMs(key: string): number | null {
    const learnedMs = this.arrivals.keepMs(key, throughMs);
    return learnedMs === null ? null : Math.round(Math.min(longestMs, learnedMs));
  }
}
