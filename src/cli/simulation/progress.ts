// Prints the progress of reading long files and of long replays on standard error.

import { statSync, writeSync } from "node:fs";
import { monotonicMs } from "../../clock.js";

/** What takes less than this prints no progress. */
const firstAfterMs = 1_000;
const everyMs = 3_000;
const bytesPerMb = 1_000_000;

/** Receives the completed share of each replay. */
export class Progress {
  private nextMs = monotonicMs() + firstAfterMs;
  private replaysSinceMs: number | null = null;
  private shares: number[] = [0];

  /** How many replays there will be. */
  expect(runs: number): void {
    this.shares = new Array<number>(runs).fill(0);
  }

  /** So many bytes of this file were read. */
  reading(file: string, bytes: number): void {
    if (!this.isDue()) return;
    const { size } = statSync(file);
    // The size of a pipe is 0.
    const whole = size === 0 ? "" : ` of ${Math.ceil(size / bytesPerMb)}`;
    say(`read ${Math.round(bytes / bytesPerMb)}${whole} MB of ${file}`);
  }

  at(run: number, share: number): void {
    // Each is over before the next one of its thread begins.
    this.shares[run] = share;
    const nowMs = monotonicMs();
    this.replaysSinceMs ??= nowMs;
    if (!this.isDue()) return;
    const done = this.shares.reduce((sum, each) => sum + each, 0) / this.shares.length;
    const leftMs = done > 0 ? ((nowMs - this.replaysSinceMs) * (1 - done)) / done : 0;
    const left = `${Math.max(1, Math.round(leftMs / 1_000))} s left`;
    say(`simulated ${Math.floor(done * 100)} %, about ${left}`);
  }

  private isDue(): boolean {
    const nowMs = monotonicMs();
    if (nowMs < this.nextMs) return false;
    this.nextMs = nowMs + everyMs;
    return true;
  }
}

function say(sentence: string): void {
  try {
    writeSync(2, `glean: ${sentence}\n`);
  } catch {
    // Standard error is closed; the replay continues.
  }
}
