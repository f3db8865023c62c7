// Semaphores: they bound how many tasks run at once and how many wait, in order, for their turn.

import { GleanerError } from "../model/errors.js";

/** The most tasks that may wait, and the message that refuses more. */
export interface Queue {
  readonly most: number;
  readonly refusal: string;
}

export class Semaphore {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** If `queue` is omitted, any number of tasks may wait. */
  constructor(
    private readonly most: number,
    private readonly queue?: Queue,
  ) {}

  get isIdle(): boolean {
    return this.running === 0;
  }

  /** Runs `task` as soon as there is room; rejects with LIMIT_REACHED if too many tasks wait. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.running >= this.most) {
      if (this.queue !== undefined && this.waiting.length >= this.queue.most)
        throw new GleanerError("LIMIT_REACHED", this.queue.refusal);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else this.running++;
    try {
      return await task();
    } finally {
      // The next waiting task takes over the place.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}

/** A semaphore for each key, which tasks of other keys do not wait for. */
export class KeyedSemaphores<Key> {
  private readonly byKey = new Map<Key, Semaphore>();

  constructor(
    private readonly most: number,
    private readonly queue?: Queue,
  ) {}

  async run<T>(key: Key, task: () => Promise<T>): Promise<T> {
    const semaphore = this.byKey.get(key) ?? new Semaphore(this.most, this.queue);
    this.byKey.set(key, semaphore);
    try {
      return await semaphore.run(task);
    } finally {
      if (semaphore.isIdle) this.byKey.delete(key);
    }
  }
}

/** A semaphore for each user, so that no user waits for the tasks of another. */
export class UserSemaphores extends KeyedSemaphores<number> {}
