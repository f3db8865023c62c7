// What the daemon said on one connection, taken one message a turn.

import { setImmediate } from "../../clock.js";
import type { DaemonMessage } from "../../wire/messages.js";

export type Said = Exclude<DaemonMessage, { type: "beat" }>;

/**
 * To start a command takes this process milliseconds, and a full node's are ordered at once: a prolog that speaks meanwhile is heard
 * after one of them, not after all.
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

  /** The connection is gone, and what came on it counts: the next one begins with what we answer for. */
  close(): void {
    for (const message of this.waiting.splice(0)) this.take(message);
  }

  private takeNext(): void {
    const message = this.waiting.shift();
    if (message !== undefined) this.take(message);
    this.isTaking = this.waiting.length > 0;
    if (this.isTaking) setImmediate(() => this.takeNext());
  }
}
