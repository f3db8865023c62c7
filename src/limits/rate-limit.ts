// Rate limits for actions that strangers can provoke: log lines and reads of Slurm.

import { monotonicMs } from "../clock.js";

/** Enough to diagnose a problem, but too few to fill the disk. */
const linesPerMinute = 10;
const windowMs = 60_000;

/** Passes at most once in each interval. */
export class Interval {
  private passedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly everyMs: number) {}

  passes(): boolean {
    const isDue = monotonicMs() - this.passedAtMs >= this.everyMs;
    if (isDue) this.passedAtMs = monotonicMs();
    return isDue;
  }
}

/** Passes `burst` at once, and then `perSecond`. */
export class Bucket {
  private left: number;
  private atMs = monotonicMs();

  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
  ) {
    this.left = burst;
  }

  passes(): boolean {
    const atMs = monotonicMs();
    const earned = ((atMs - this.atMs) * this.perSecond) / 1_000;
    this.left = Math.min(this.burst, this.left + earned);
    this.atMs = atMs;
    if (this.left < 1) return false;
    this.left--;
    return true;
  }
}

/** Limits log lines; beyond linesPerMinute it only counts them. */
export class LogRateLimit {
  private windowStartedMs = Number.NEGATIVE_INFINITY;
  private lines = 0;
  private suppressed = 0;

  /** Calls `write` with the number of lines suppressed since the last one, or counts this one. */
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
