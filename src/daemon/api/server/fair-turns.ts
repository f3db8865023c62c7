// Requests are begun in turn, a few of each user at a time: whoever sends thousands waits behind himself.

import { setImmediate } from "../../../clock.js";

/** Of one user in one turn of the event loop. */
const perTurn = 4;

export class FairTurns {
  private readonly waiting = new Map<number, (() => void)[]>();
  private isScheduled = false;

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
      for (const [uid, queue] of [...this.waiting]) {
        for (const begin of queue.splice(0, perTurn)) begin();
        if (queue.length === 0) this.waiting.delete(uid);
      }
      if (this.waiting.size > 0) this.schedule();
    });
  }
}
