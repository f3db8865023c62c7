// What strangers can provoke happens a bounded number of times: log lines, reads of Slurm.

import { monotonicMs } from "../clock.js";

/** Enough to see what is going on; a flood must not fill the disk. */
const linesPerMinute = 10;
const windowMs = 60_000;

/** Passes once in so many milliseconds. */
export class Interval {
  private passedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly everyMs: number) {}

  passes(): boolean {
    const isDue = monotonicMs() - this.passedAtMs >= this.everyMs;
    if (isDue) this.passedAtMs = monotonicMs();
    return isDue;
  }
}

/** Log lines: after linesPerMinute they are only counted. */
export class LogRateLimit {
  private windowStartedMs = Number.NEGATIVE_INFINITY;
  private lines = 0;
  private suppressed = 0;

  /** Calls `write` with how many were left out since the last line, or only counts. */
  say(write: (suppressed: number) => void): void {
    if (monotonicMs() - this.windowStartedMs >= windowMs) {
      this.windowStartedMs = monotonicMs();
      this.lines = 0;
    }
    if (this.lines >= linesPerMinute) {
      this.suppressed++;
      return;
    }
    this.lines++;
    write(this.suppressed);
    this.suppressed = 0;
  }
}
