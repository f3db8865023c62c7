// How much a peer may say: one that floods is read more slowly, so that it stalls nobody, and its own kernel makes it wait.

import { monotonicMs } from "../clock.js";

export interface Pace {
  /** Messages at once: an executor that is back tells all that was not recorded. */
  readonly burst: number;
  /** Hook events, budgets and beats of a busy node: a few for each job that comes and goes. */
  readonly perSecond: number;
  /** Answers to each message that it is sent: an attempt starts, ends, and changes the budget. */
  readonly perSent: number;
  /** As many bytes cost as much as a message. */
  readonly bytes: number;
}

/** What gleanerd hears of one executor. */
export const executorPace: Pace = { burst: 5_000, perSecond: 200, perSent: 4, bytes: 4_096 };

export class Inflow {
  private left: number;
  private atMs = monotonicMs();

  constructor(private readonly pace: Pace) {
    this.left = pace.burst;
  }

  /** Something of so many bytes was read. */
  took(bytes: number): void {
    this.left -= 1 + bytes / this.pace.bytes;
  }

  /** The peer was sent something. */
  sent(): void {
    this.left = Math.min(this.pace.burst, this.left + this.pace.perSent);
  }

  /** For how long nothing more should be read; 0: go on. */
  waitMs(): number {
    const nowMs = monotonicMs();
    const earned = ((nowMs - this.atMs) * this.pace.perSecond) / 1_000;
    this.left = Math.min(this.pace.burst, this.left + earned);
    this.atMs = nowMs;
    return this.left > 0 ? 0 : Math.ceil(((1 - this.left) * 1_000) / this.pace.perSecond);
  }
}
