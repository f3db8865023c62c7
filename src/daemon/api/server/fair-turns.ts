// Starts requests one at a time, each user's in turn: a user who sends thousands delays only their
// own.

import { setImmediate } from "../../../clock.js";

/** While connections arrive, how many are accepted before another request starts. */
const acceptsPerRequest = 8;

export class FairTurns {
  private readonly waiting = new Map<number, (() => void)[]>();
  private isScheduled = false;
  /** The user whose request began in this turn without waiting. */
  private begunAtOnce: number | null = null;
  private hasAccepted = false;
  private acceptsSinceRequest = 0;

  /**
   * A connection was accepted. They come in the order of their arrival, whoever they belong to:
   * until all are accepted, few requests start.
   */
  accepted(): void {
    this.hasAccepted = true;
    this.acceptsSinceRequest++;
  }

  /** Resolves when this user's request may start: at once if it is the first of this turn. */
  enter(uid: number): Promise<void> {
    if (!this.isScheduled && !this.hasAccepted) {
      this.begunAtOnce = uid;
      this.schedule();
      return Promise.resolve();
    }
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
      if (this.begunAtOnce !== null) this.wasTurnOf(this.begunAtOnce);
      else if (!this.yieldsToAccepts()) this.beginNext();
      if (this.waiting.size > 0) this.schedule();
    });
  }

  private wasTurnOf(uid: number): void {
    this.begunAtOnce = null;
    this.acceptsSinceRequest = 0;
    const queue = this.waiting.get(uid);
    if (queue === undefined) return;
    this.waiting.delete(uid);
    this.waiting.set(uid, queue);
  }

  private yieldsToAccepts(): boolean {
    const yields = this.hasAccepted && this.acceptsSinceRequest < acceptsPerRequest;
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
