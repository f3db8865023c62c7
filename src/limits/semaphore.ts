// Semaphores: a bounded number of tasks run at once, the others wait in order, and more than may wait are refused.

import { GleanerError } from "../model/errors.js";

/** How many tasks may wait, and the sentence that refuses any more. */
export interface Queue {
  readonly most: number;
  readonly refusal: string;
}

export class Semaphore {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** Without `queue` any number may wait. */
  constructor(
    private readonly most: number,
    private readonly queue?: Queue,
  ) {}

  get isIdle(): boolean {
    return this.running === 0;
  }

  /** Runs `task` when there is room; rejects with LIMIT_REACHED when too many wait already. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.running >= this.most) {
      if (this.queue !== undefined && this.waiting.length >= this.queue.most)
        throw new GleanerError("LIMIT_REACHED", this.queue.refusal);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else this.running++;
    try {
      return await task();
    } finally {
      // Whoever waits takes over the place.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}

/** A semaphore for each user, so that nobody waits for what another user does. */
export class UserSemaphores {
  private readonly byUid = new Map<number, Semaphore>();

  constructor(
    private readonly most: number,
    private readonly queue: Queue,
  ) {}

  async run<T>(uid: number, task: () => Promise<T>): Promise<T> {
    const semaphore = this.byUid.get(uid) ?? new Semaphore(this.most, this.queue);
    this.byUid.set(uid, semaphore);
    try {
      return await semaphore.run(task);
    } finally {
      if (semaphore.isIdle) this.byUid.delete(uid);
    }
  }
}
