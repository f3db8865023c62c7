// Lets a bounded number of things happen at once and a bounded number wait; more are refused with a sentence.

import { GleanerError } from "../model/errors.js";

export class Turnstile {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly most: number,
    private readonly mostWaiting: number,
    private readonly refusal: string,
  ) {}

  get isIdle(): boolean {
    return this.inside === 0;
  }

  /** Runs `task` when there is room; rejects with LIMIT_REACHED when too many wait already. */
  async pass<T>(task: () => Promise<T>): Promise<T> {
    if (this.inside >= this.most) {
      if (this.waiting.length >= this.mostWaiting)
        throw new GleanerError("LIMIT_REACHED", this.refusal);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else this.inside++;
    try {
      return await task();
    } finally {
      // Whoever waits takes over the place.
      const next = this.waiting.shift();
      if (next === undefined) this.inside--;
      else next();
    }
  }
}

/** A turnstile for each user, so that nobody waits for what another user does. */
export class UserTurnstiles {
  private readonly byUid = new Map<number, Turnstile>();

  constructor(
    private readonly most: number,
    private readonly mostWaiting: number,
    private readonly refusal: string,
  ) {}

  async pass<T>(uid: number, task: () => Promise<T>): Promise<T> {
    const turnstile =
      this.byUid.get(uid) ?? new Turnstile(this.most, this.mostWaiting, this.refusal);
    this.byUid.set(uid, turnstile);
    try {
      return await turnstile.pass(task);
    } finally {
      if (turnstile.isIdle) this.byUid.delete(uid);
    }
  }
}

/** Reports of one user that may wait; one is made at a time. */
const maxReports = 20;

export const reportTurns = (): UserTurnstiles =>
  new UserTurnstiles(
    1,
    maxReports,
    "you ask for too many reports at once: wait until one is answered",
  );
