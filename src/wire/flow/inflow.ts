// Limits how much a peer may send: a flooding peer is read more slowly, so that it delays nobody,
// and its own kernel makes it wait.

import { monotonicMs } from "../../clock.js";

export interface Pace {
  /** Messages at once: an executor that reconnects repeats everything that was not recorded. */
  readonly burst: number;
  /** Hook events, budgets and beats of a busy node: a few for each job that comes and goes. */
  readonly perSecond: number;
  /** This many bytes count as one message. */
  readonly bytes: number;
}

/** What a peer may send because of a message to it. */
export interface Earned {
  readonly messages: number;
  readonly bytes: number;
}

export class Inflow<Out> {
  private left: number;
  private atMs = monotonicMs();

  constructor(
    private readonly pace: Pace,
    private readonly earnedBy: (message: Out) => Earned,
  ) {
    this.left = pace.burst;
  }

  /** Messages with this many bytes together were read. */
  took(bytes: number, messages = 1): void {
    this.left -= messages + bytes / this.pace.bytes;
  }

  /** A message was sent to the peer, which may answer it. */
  sent(message: Out): void {
    const { messages, bytes } = this.earnedBy(message);
    this.left = Math.min(this.pace.burst, this.left + messages + bytes / this.pace.bytes);
  }

  /** For how long nothing more should be read; 0 if reading may continue. */
  waitMs(): number {
    const nowMs = monotonicMs();
    const earned = ((nowMs - this.atMs) * this.pace.perSecond) / 1_000;
    this.left = Math.min(this.pace.burst, this.left + earned);
    this.atMs = nowMs;
    return this.left > 0 ? 0 : Math.ceil(((1 - this.left) * 1_000) / this.pace.perSecond);
  }
}
