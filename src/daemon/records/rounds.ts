// Repeats a round of work at intervals, until the daemon stops.

import { clearTimeout, setTimeout, type Timer } from "../../clock.js";

/** The start is busy enough without it. */
const firstAfterMs = 60_000;

export abstract class Rounds {
  private timer: Timer | null = null;
  private running: Promise<void> | null = null;
  protected isStopped = false;

  constructor(private readonly everyMs: number) {}

  /** What one round does; it handles its errors, and the next round tries again. */
  protected abstract work(): Promise<void>;

  /** Whoever asks for a round while one runs shares it. */
  run(): Promise<void> {
    this.running ??= this.work().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  start(afterMs = firstAfterMs): void {
    this.timer = setTimeout(() => {
      void this.run().finally(() => {
        if (!this.isStopped) this.start(this.everyMs);
      });
    }, afterMs);
    this.timer.unref();
  }

  /** Resolves once it no longer uses the store. */
  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
  }
}
