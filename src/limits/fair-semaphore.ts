// Bounds how much runs at once, and lets users have their turn one after the other: one who waits
// with many tasks delays another by one of them.

interface Waiting {
  readonly size: number;
  readonly begin: () => void;
}

export class FairSemaphore {
  private running = 0;
  /** By uid, in the order of their turns. */
  private readonly waiting = new Map<number, Waiting[]>();

  /** `most`: the sum of the sizes that run at once. */
  constructor(private readonly most: number) {}

  /** Runs `task` at this user's turn, once there is room for its size, which is at most `most`. */
  async run<T>(uid: number, size: number, task: () => Promise<T>): Promise<T> {
    if (this.waiting.size > 0 || !this.hasRoom(size))
      await new Promise<void>((begin) => this.wait(uid, { size, begin }));
    else this.running += size;
    try {
      return await task();
    } finally {
      this.running -= size;
      this.beginNext();
    }
  }

  private hasRoom(size: number): boolean {
    return this.running + size <= this.most;
  }

  private wait(uid: number, task: Waiting): void {
    const queue = this.waiting.get(uid);
    if (queue === undefined) this.waiting.set(uid, [task]);
    else queue.push(task);
  }

  /** The user whose turn it was goes to the end; nobody passes a task that waits for room. */
  private beginNext(): void {
    for (const [uid, queue] of this.waiting) {
      const next = queue[0]!;
      if (!this.hasRoom(next.size)) return;
      queue.shift();
      this.waiting.delete(uid);
      if (queue.length > 0) this.waiting.set(uid, queue);
      this.running += next.size;
      next.begin();
    }
  }
}
