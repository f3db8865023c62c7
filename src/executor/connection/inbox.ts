// Queues the daemon's messages on one connection and handles one per turn of the event loop.

import { setImmediate } from "../../clock.js";
import type { DaemonMessage } from "../../wire/messages.js";

export type Said = Exclude<DaemonMessage, { type: "beat" }>;

/**
 * Starting a command takes this process milliseconds, and a full node's commands are ordered
 * together: a prolog is heard after one of them, not after all.
 */
export class Inbox {
  private readonly waiting: Said[] = [];
  private isTaking = false;

  constructor(private readonly take: (message: Said) => void) {}

  add(message: Said): void {
    this.waiting.push(message);
    if (this.isTaking) return;
    this.isTaking = true;
    setImmediate(() => this.takeNext());
  }

  /**
   * The connection is gone, and its messages no longer count: the next connection begins with the
   * state that we report.
   */
  close(): void {
    for (const message of this.waiting.splice(0)) this.take(message);
  }

  private takeNext(): void {
    const message = this.waiting.shift();
    if (message !== undefined) this.take(message);
    // What follows another attempt starts nothing yet.
    while (follows(this.waiting[0])) this.take(this.waiting.shift()!);
    this.isTaking = this.waiting.length > 0;
    if (this.isTaking) setImmediate(() => this.takeNext());
  }
}

const follows = (message: Said | undefined): boolean =>
  (message?.type === "start" || message?.type === "startRun") && message.order.after !== undefined;
