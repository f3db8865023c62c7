// Requests begin one at a time, each user's in turn: whoever sends thousands waits behind himself.

import { setImmediate } from "../../../clock.js";

/** Connections that are accepted before one more request begins, while they arrive. */
const acceptsPerRequest = 8;

export class FairTurns {
  private readonly waiting = new Map<number, (() => void)[]>();
  private isScheduled = false;
  private hasAccepted = false;
  private acceptsSinceRequest = 0;

  /**
   * A connection was accepted. libuv accepts one in each turn of the event loop, in the order in
   * which they came, whoever's they are: until all are in, most turns begin no request.
   */
  accepted(): void {
    this.hasAccepted = true;
  }

  /** Resolves when a request of this user is to be begun. */
  enter(uid: number): Promise<void> {
    return new Promise((begin) => {
      const queue = this.waiting.get(uid);
      if (queue === undefined) this.waiting.set(uid, [begin]);
      else queue.push(begin);
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      if (!this.yieldsToAccepts()) this.beginNext();
      if (this.waiting.size > 0) this.schedule();
    });
  }

  private yieldsToAccepts(): boolean {
    const yields = this.hasAccepted && ++this.acceptsSinceRequest < acceptsPerRequest;
    this.hasAccepted = false;
    if (!yields) this.acceptsSinceRequest = 0;
    return yields;
  }

  /** The user whose turn it was goes to the end. */
  private beginNext(): void {
    const [next] = this.waiting;
    if (next === undefined) return;
    const [uid, queue] = next;
    const begin = queue.shift()!;
    this.waiting.delete(uid);
    if (queue.length > 0) this.waiting.set(uid, queue);
    begin();
  }
}
