// What a handler is given beside its input.

import { monotonicMs } from "../../clock.js";
import type { CallHead } from "../../wire/worker/messages.js";

/** The second argument of a handler. */
export interface HandlerContext {
  /** How `glean` and its API name the call. */
  readonly callId: string;
  /** From 1; higher if an eviction or a lost node ended an earlier attempt. */
  readonly attempt: number;
  /** The time that the call had when the handler was called; null if it has no limit. */
  readonly deadlineMs: number | null;
  /** The time that it has now. */
  remainingMs(): number | null;
  readonly contentType: string;
  /** Writes a line to the call's log, whatever else runs in this worker. */
  log(...values: readonly unknown[]): void;
  /** Aborted when the call is cancelled. */
  readonly signal: AbortSignal;
}

export type Handler = (input: unknown, context: HandlerContext) => unknown;

/** Most handlers read little of it, so what costs time is made when it is first used. */
export class CallContext implements HandlerContext {
  readonly callId: string;
  readonly attempt: number;
  readonly contentType: string;
  readonly deadlineMs: number | null;
  private controller: AbortController | null = null;
  private isCancelled = false;

  constructor(
    { name, attempt, contentType, deadlineMs }: CallHead,
    waitedMs: number,
    private readonly startedMs: number,
    readonly log: HandlerContext["log"],
  ) {
    this.callId = name;
    this.attempt = attempt;
    this.contentType = contentType;
    this.deadlineMs = deadlineMs === 0 ? null : Math.max(0, deadlineMs - waitedMs);
  }

  /** Also where a handler takes it out of its context. */
  readonly remainingMs = (): number | null => {
    if (this.deadlineMs === null) return null;
    return Math.max(0, this.deadlineMs - (monotonicMs() - this.startedMs));
  };

  get signal(): AbortSignal {
    if (this.controller === null) {
      this.controller = new AbortController();
      if (this.isCancelled) this.controller.abort();
    }
    return this.controller.signal;
  }

  runningMs(): number {
    return monotonicMs() - this.startedMs;
  }

  cancel(): void {
    this.isCancelled = true;
    this.controller?.abort();
  }

  get wasCancelled(): boolean {
    return this.isCancelled;
  }
}
