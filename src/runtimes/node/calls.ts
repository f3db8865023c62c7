// The calls of a worker, whoever sent them: runs at most as many handlers at once as it was told,
// and answers each call exactly once.

import { format } from "node:util";
import { monotonicMs } from "../../clock.js";
import type { CallHead, HandlerError } from "../../wire/worker/messages.js";
import { CallContext, type Handler } from "./context.js";
import type { CallLog, Prints } from "./prints.js";
import { describeThrown } from "./user-error.js";
import { type Output, readInput, writeOutput } from "./values.js";

/** Where calls come from and their answers go: the executor, or a client of a lease. */
export interface Origin {
  /** It has not taken earlier answers: none of its calls begins. */
  readonly isBackedUp: boolean;
  succeed(id: number, output: Output): void;
  fail(id: number, error: HandlerError): void;
}

export interface Arrival {
  readonly origin: Origin;
  readonly id: number;
  readonly head: CallHead;
  readonly payload: Buffer;
  readonly log: CallLog;
  /** What its handler prints, also after an await, is known to be its own. */
  readonly hasOwnLog: boolean;
}

interface Call {
  readonly arrival: Arrival;
  readonly arrivedMs: number;
  /** null until the handler runs. */
  context: CallContext | null;
}

const cancelled: HandlerError = {
  kind: "cancelled",
  type: "Cancelled",
  message: "the call was cancelled before its handler was called",
  stack: "",
};

export class Calls {
  handler: Handler | null = null;
  concurrency = 1;
  outputLimitBytes = 0;
  /** How many ended, and how long their handlers took together. */
  ended = 0;
  busyMs = 0;
  /** The inputs of calls that have not begun. */
  waitingBytes = 0;
  private readonly running = new Set<Call>();
  private readonly waiting: Call[] = [];

  constructor(private readonly prints: Prints) {}

  get runningCount(): number {
    return this.running.size;
  }

  take(arrival: Arrival): void {
    const arrivedMs = monotonicMs();
    const call: Call = { arrival, arrivedMs, context: null };
    const isNext = this.waiting.length === 0 && this.running.size < this.concurrency;
    if (isNext && !arrival.origin.isBackedUp) {
      this.run(call, arrivedMs);
      return;
    }
    this.waiting.push(call);
    this.waitingBytes += arrival.payload.length;
    this.runNext();
  }

  cancel(origin: Origin, id: number): void {
    const is = ({ arrival }: Call) => arrival.origin === origin && arrival.id === id;
    const at = this.waiting.findIndex(is);
    if (at >= 0) {
      this.removeWaiting(at);
      origin.fail(id, cancelled);
      return;
    }
    for (const call of this.running) if (is(call)) call.context?.cancel();
  }

  /** Forgets the calls of an origin that have not begun, and returns their ids. */
  withdraw(origin: Origin): number[] {
    const ids: number[] = [];
    for (let at = this.waiting.length - 1; at >= 0; at--)
      if (this.waiting[at]!.arrival.origin === origin) ids.push(this.removeWaiting(at).arrival.id);
    return ids;
  }

  /** Tells the handlers that run for an origin that nobody waits for them. */
  abandon(origin: Origin): void {
    this.withdraw(origin);
    for (const { arrival, context } of this.running)
      if (arrival.origin === origin) context?.cancel();
  }

  /**
   * The process cannot go on. Answers the call whose handler ended it, because the others are to
   * run again, or all that run, if nobody can tell whose fault it is. Answers none if no call is in
   * the worker, for which it returns 0, or if that of the handler has ended: returns its id.
   */
  failRunning(error: HandlerError, culprit: CallLog | null): number | undefined {
    const calls = [...this.running];
    this.running.clear();
    const blamed =
      culprit === null
        ? calls
        : calls.filter(({ arrival }) => arrival.hasOwnLog && arrival.log === culprit);
    for (const { arrival } of blamed) arrival.origin.fail(arrival.id, error);
    return blamed.length > 0 ? undefined : (culprit?.id ?? 0);
  }

  runNext(): void {
    while (this.running.size < this.concurrency && this.waiting.length > 0) {
      const at = this.waiting.findIndex(({ arrival }) => !arrival.origin.isBackedUp);
      if (at < 0) return;
      this.run(this.removeWaiting(at), monotonicMs());
    }
  }

  private removeWaiting(at: number): Call {
    const call = at === 0 ? this.waiting.shift()! : this.waiting.splice(at, 1)[0]!;
    this.waitingBytes -= call.arrival.payload.length;
    return call;
  }

  /** A handler that returns no promise is answered before this returns. */
  private run(call: Call, nowMs: number): void {
    const { head, payload, log, hasOwnLog } = call.arrival;
    this.running.add(call);
    const context = new CallContext(head, nowMs - call.arrivedMs, nowMs, (...values) =>
      this.prints.print(log, "stdout", Buffer.from(`${format(...values)}\n`)),
    );
    call.context = context;
    const handler = this.handler!;
    let result: unknown;
    try {
      const input = readInput(head.contentType, payload);
      result = hasOwnLog
        ? this.prints.during(log, () => handler(input, context))
        : handler(input, context);
    } catch (thrown) {
      this.fail(call, thrown);
      return;
    }
    if (isThenable(result)) void this.settle(call, result);
    else this.succeed(call, result);
  }

  private async settle(call: Call, result: PromiseLike<unknown>): Promise<void> {
    try {
      this.succeed(call, await result);
    } catch (thrown) {
      this.fail(call, thrown);
    }
    this.runNext();
  }

  private succeed(call: Call, result: unknown): void {
    try {
      const output = writeOutput(result, this.outputLimitBytes);
      if (this.leave(call)) call.arrival.origin.succeed(call.arrival.id, output);
    } catch (thrown) {
      this.fail(call, thrown);
    }
  }

  private fail(call: Call, thrown: unknown): void {
    const error = describeThrown(thrown);
    const isObedience = call.context?.wasCancelled && error.kind === "exception";
    const { origin, id } = call.arrival;
    if (this.leave(call)) origin.fail(id, isObedience ? { ...error, kind: "cancelled" } : error);
  }

  /** False if it was answered when another part of the process failed. */
  private leave(call: Call): boolean {
    if (!this.running.delete(call)) return false;
    this.ended++;
    this.busyMs += call.context!.runningMs();
    return true;
  }
}

/** Reading a property of the user's object may throw. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Promise) return true;
  try {
    return typeof (value as { then?: unknown }).then === "function";
  } catch {
    return false;
  }
}
