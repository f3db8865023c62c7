// The notice that a function requested before it must go: when it is due, whether it was given, and
// why.

import {
  clearTimeout,
  machineMonotonicNs,
  monotonicMs,
  setTimeout,
  type Timer,
} from "../../clock.js";
import { leadWithin, type Notice } from "../../model/invocation.js";

/** When the node is expected to be needed, on this process's monotonic clock. */
export interface Foreseen {
  readonly atMs: number;
  readonly reason: string;
}

/** A notice that was given. */
export interface GivenNotice {
  readonly cause: "eviction" | "timeLimit";
  readonly reason: string;
  readonly signal: number;
  readonly atNs: bigint;
  /** When its time limit was raised: later ends do not follow from it. null: it stands. */
  readonly untilNs: bigint | null;
}

/** The notices of one attempt. */
export class AttemptNotices {
  /** The last notice given. */
  given: GivenNotice | null = null;
  private startedAtMs: number | null = null;
  private limitTimer: Timer | undefined;
  private endTimer: Timer | undefined;

  /** If `asked` is null, every call does nothing. `send` sends the signal. */
  constructor(
    readonly asked: Notice | null,
    private timeLimitMs: number,
    private readonly send: () => void,
  ) {}

  /** The command runs: its time limit counts from now. */
  started(foreseen: Foreseen | null): void {
    if (this.asked === null) return;
    this.startedAtMs = monotonicMs();
    this.awaitLimit();
    this.foresee(foreseen);
  }

  /** A function that got its notice gets another one only once it has had more time. */
  limit(timeLimitMs: number): void {
    const isLater = timeLimitMs > this.timeLimitMs;
    this.timeLimitMs = timeLimitMs;
    if (this.startedAtMs === null) return;
    if (this.given?.cause === "timeLimit" && this.given.untilNs === null) {
      if (!isLater) return;
      this.given = { ...this.given, untilNs: machineMonotonicNs() };
    }
    this.awaitLimit();
  }

  private awaitLimit(): void {
    clearTimeout(this.limitTimer);
    const leadMs = leadWithin(this.asked!.leadMs, this.timeLimitMs);
    const reason = `it received its notice ${leadMs} ms before its time limit of ${this.timeLimitMs} ms, as requested`;
    const dueInMs = Math.max(0, this.startedAtMs! + this.timeLimitMs - leadMs - monotonicMs());
    this.limitTimer = setTimeout(() => this.give("timeLimit", reason), dueInMs);
  }

  /**
   * The notice is due its lead time before the end. A function that started although the end was
   * known gets no notice during the first half of its time: an immediate notice would send it back
   * to the same hole again and again.
   */
  foresee(foreseen: Foreseen | null): void {
    clearTimeout(this.endTimer);
    if (this.asked === null || this.startedAtMs === null || foreseen === null) return;
    // The function started after the planned end: that plan did not come true, and the next one
    // will be announced.
    if (foreseen.atMs <= this.startedAtMs) return;
    const half = (this.startedAtMs + foreseen.atMs) / 2;
    const dueAtMs = Math.max(foreseen.atMs - this.asked.leadMs, half);
    const dueInMs = Math.max(0, Math.ceil(dueAtMs - monotonicMs()));
    this.endTimer = setTimeout(() => this.give("eviction", foreseen.reason), dueInMs);
  }

  /**
   * The function must go: notifies it now if it runs. Returns whether it got a notice, now or
   * recently.
   */
  evict(reason: string): boolean {
    if (this.asked === null || this.startedAtMs === null) return false;
    this.give("eviction", reason);
    return true;
  }

  close(): void {
    clearTimeout(this.limitTimer);
    clearTimeout(this.endTimer);
  }

  /**
   * Gives no second notice within the lead time, because a slightly changed plan is no news. The
   * time limit always is.
   */
  private give(cause: GivenNotice["cause"], reason: string): void {
    const { signal, leadMs } = this.asked!;
    const atNs = machineMonotonicNs();
    const isNews =
      this.given === null ||
      this.given.untilNs !== null ||
      Number(atNs - this.given.atNs) >= leadMs * 1e6 ||
      cause === "timeLimit";
    if (!isNews) return;
    this.given = { cause, reason, signal, atNs, untilNs: null };
    this.send();
  }
}
