// The notice that a function asked for before it has to go: when it is due, that it is given, and what it was for.

import {
  clearTimeout,
  machineMonotonicNs,
  monotonicMs,
  setTimeout,
  type Timer,
} from "../../clock.js";
import type { Notice } from "../../model/invocation.js";

/** When the node is expected to be needed, on the monotonic clock of this process. */
export interface Foreseen {
  readonly atMs: number;
  readonly reason: string;
}

/** A notice that went out. */
export interface GivenNotice {
  readonly cause: "eviction" | "timeLimit";
  readonly reason: string;
  readonly signal: number;
  readonly atNs: bigint;
}

/** The notices of one attempt. */
export class AttemptNotices {
  /** The last one given. */
  given: GivenNotice | null = null;
  private startedAtMs: number | null = null;
  private limitTimer: Timer | undefined;
  private endTimer: Timer | undefined;

  /** `asked` null: every call does nothing. `send` gives the signal. */
  constructor(
    readonly asked: Notice | null,
    private readonly timeLimitMs: number,
    private readonly send: () => void,
  ) {}

  /** The command runs: its time limit counts from now. */
  started(foreseen: Foreseen | null): void {
    if (this.asked === null) return;
    this.startedAtMs = monotonicMs();
    const { leadMs } = this.asked;
    const reason = `it was told ${leadMs} ms before its time limit of ${this.timeLimitMs} ms, as it asked`;
    const dueInMs = Math.max(0, this.timeLimitMs - leadMs);
    this.limitTimer = setTimeout(() => this.give("timeLimit", reason), dueInMs);
    this.foresee(foreseen);
  }

  /**
   * Due its lead before the end. One that was begun although the end was known is left in peace for half of the time until
   * then: told at once, it would come back to the same hole again and again.
   */
  foresee(foreseen: Foreseen | null): void {
    clearTimeout(this.endTimer);
    if (this.asked === null || this.startedAtMs === null || foreseen === null) return;
    // It began after the planned end: the plan did not come true, and the next one will be told.
    if (foreseen.atMs <= this.startedAtMs) return;
    const half = (this.startedAtMs + foreseen.atMs) / 2;
    const dueAtMs = Math.max(foreseen.atMs - this.asked.leadMs, half);
    const dueInMs = Math.max(0, Math.ceil(dueAtMs - monotonicMs()));
    this.endTimer = setTimeout(() => this.give("eviction", foreseen.reason), dueInMs);
  }

  /** It has to go: now, as far as it runs. Returns whether it was told, now or lately. */
  evict(reason: string): boolean {
    if (this.asked === null || this.startedAtMs === null) return false;
    this.give("eviction", reason);
    return true;
  }

  close(): void {
    clearTimeout(this.limitTimer);
    clearTimeout(this.endTimer);
  }

  /** Not twice within its lead: a plan that moves by a little is no news. A time limit does not move. */
  private give(cause: GivenNotice["cause"], reason: string): void {
    const { signal, leadMs } = this.asked!;
    const atNs = machineMonotonicNs();
    const isNews =
      this.given === null ||
      Number(atNs - this.given.atNs) >= leadMs * 1e6 ||
      cause === "timeLimit";
    if (!isNews) return;
    this.given = { cause, reason, signal, atNs };
    this.send();
  }
}
