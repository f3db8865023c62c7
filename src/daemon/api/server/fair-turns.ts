// Starts requests one at a time, each user's in turn: a user who sends thousands delays only their
// own. Those without a token have the turns of their address.

import { setImmediate } from "../../../clock.js";

/** A uid, or the address of a request without a token. */
type Source = number | string;

export class FairTurns {
  private readonly waiting = new Map<Source, (() => void)[]>();
  private isScheduled = false;
  /** Whose request began in this turn without waiting. */
  private begunAtOnce: Source | null = null;

  /** How many requests of a source wait. */
  waitingOf(source: Source): number {
    return this.waiting.get(source)?.length ?? 0;
  }

  /** Resolves when this source's request may start: at once if it is the first of this turn. */
  enter(source: Source): Promise<void> {
    if (!this.isScheduled) {
      this.begunAtOnce = source;
      this.schedule();
      return Promise.resolve();
    }
    return new Promise((begin) => {
      const queue = this.waiting.get(source);
      if (queue === undefined) this.waiting.set(source, [begin]);
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
      else this.beginNext();
      if (this.waiting.size > 0) this.schedule();
    });
  }

  private wasTurnOf(source: Source): void {
    this.begunAtOnce = null;
    const queue = this.waiting.get(source);
    if (queue === undefined) return;
    this.waiting.delete(source);
    this.waiting.set(source, queue);
  }

  /** The source whose turn it was goes to the end. */
  private beginNext(): void {
    const [next] = this.waiting;
    if (next === undefined) return;
    const [source, queue] = next;
    const begin = queue.shift()!;
    this.waiting.delete(source);
    if (queue.length > 0) this.waiting.set(source, queue);
    begin();
  }
}
