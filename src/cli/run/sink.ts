// Standard output, standard error or a file of a run, written no faster than it is taken.

import { write } from "node:fs";
import { setTimeout } from "../../clock.js";

/** One write at a time waits beside this much. */
const maxWaitingBytes = 256 * 1024;
/** Another program made the terminal or the pipe refuse to wait: it has room again soon. */
const retryMs = 10;

/**
 * Writes to a descriptor in another thread, so that a reader that does not read stops nothing else:
 * `process.stdout` would wait for it.
 */
export class Sink {
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  isWriting = false;
  private isBroken = false;
  private idle: (() => void)[] = [];

  constructor(
    private readonly descriptor: number,
    private readonly onRoom: () => void,
    /** Nobody reads any more, or a file cannot be written. */
    private readonly onBroken: (problem: NodeJS.ErrnoException) => void,
  ) {}

  get isFull(): boolean {
    return this.waitingBytes > maxWaitingBytes;
  }

  push(bytes: Buffer): void {
    if (this.isBroken || bytes.length === 0) return;
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    this.next();
  }

  /** Resolves once all is written, or nobody reads. */
  async flushed(): Promise<void> {
    if (this.waiting.length > 0 || this.isWriting)
      await new Promise<void>((resolve) => void this.idle.push(resolve));
  }

  private next(): void {
    if (this.isWriting) return;
    const first = this.waiting.shift();
    if (first === undefined) {
      for (const resolve of this.idle.splice(0)) resolve();
      return;
    }
    this.isWriting = true;
    write(this.descriptor, first, (problem, written) => this.wrote(first, problem, written ?? 0));
  }

  private wrote(bytes: Buffer, problem: NodeJS.ErrnoException | null, written: number): void {
    this.isWriting = false;
    if (problem?.code === "EAGAIN") {
      this.waiting.unshift(bytes);
      setTimeout(() => this.next(), retryMs);
      return;
    }
    if (problem !== null) {
      this.isBroken = true;
      this.waiting.length = 0;
      this.waitingBytes = 0;
      this.next();
      this.onBroken(problem);
      return;
    }
    const wasFull = this.isFull;
    this.waitingBytes -= written;
    if (written < bytes.length) this.waiting.unshift(bytes.subarray(written));
    this.next();
    if (wasFull && !this.isFull) this.onRoom();
  }
}
