// Prints the progress of a long replay and the remaining time on standard error.

import { writeSync } from "node:fs";
import { monotonicMs } from "../../clock.js";

/** A shorter replay prints no progress. */
const firstAfterMs = 1_000;
const everyMs = 3_000;

/** Receives the completed share of each of `runs` consecutive replays. */
export class Progress {
  private readonly startedMs = monotonicMs();
  private nextMs = this.startedMs + firstAfterMs;
  private finished = 0;

  constructor(private readonly runs: number) {}

  at(share: number): void {
    const nowMs = monotonicMs();
    if (nowMs < this.nextMs) return;
    this.nextMs = nowMs + everyMs;
    const done = (this.finished + share) / this.runs;
    const leftMs = done > 0 ? ((nowMs - this.startedMs) * (1 - done)) / done : 0;
    const left = `${Math.max(1, Math.round(leftMs / 1_000))} s left`;
    try {
      writeSync(2, `glean: simulated ${Math.floor(done * 100)} %, about ${left}\n`);
    } catch {
      // Standard error is closed; the replay continues.
    }
  }

  runEnded(): void {
    this.finished++;
  }
}
