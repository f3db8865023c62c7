// Endless calls of one length, calculated: the number that a slot finished follows from how long
// the slot existed.

import { assert } from "../../model/errors.js";
import type { Evicted, Workload, WorkSink } from "./workload.js";

/** Slots of one node that began at the same moment and run in step. */
interface Step {
  readonly sinceMs: number;
  slots: number;
}

/**
 * Equal, to the last call, to following each call (property-tested), at a cost that does not depend
 * on their number. A worker is cold once: its first call begins coldStartMs after the slot exists.
 */
export class Streams implements Workload {
  private readonly steps: Step[][];

  constructor(
    nodes: number,
    private readonly callMs: number,
    private readonly coldStartMs: number,
    private readonly sink: WorkSink,
  ) {
    this.steps = Array.from({ length: nodes }, () => []);
  }

  nextAtMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  advance(): void {}

  close(): void {
    assert(false, "only a job closes a node with calculated calls");
  }

  resize(node: number, slots: number, nowMs: number): Evicted {
    const steps = this.steps[node]!;
    let surplus = steps.reduce((sum, step) => sum + step.slots, 0) - slots;
    if (surplus < 0) {
      const last = steps.at(-1);
      if (last?.sinceMs === nowMs) last.slots -= surplus;
      else steps.push({ sinceMs: nowMs, slots: -surplus });
      return { attempts: 0, lostMs: 0 };
    }
    let attempts = 0;
    let lostMs = 0;
    while (surplus > 0) {
      const step = this.youngest(steps, nowMs);
      const leaving = Math.min(surplus, step.slots);
      const { isRunning, workedMs } = this.currentCall(step, nowMs);
      this.leave(node, step, leaving, nowMs);
      if (isRunning) {
        attempts += leaving;
        lostMs += leaving * workedMs;
      }
      surplus -= leaving;
      step.slots -= leaving;
      if (step.slots === 0) steps.splice(steps.indexOf(step), 1);
    }
    return { attempts, lostMs };
  }

  dispatch(): void {}

  end(nowMs: number): void {
    for (const [node, steps] of this.steps.entries())
      for (const step of steps) this.leave(node, step, step.slots, nowMs);
  }

  /** Empty ones first, then the youngest call, then the youngest slot. */
  private youngest(steps: readonly Step[], nowMs: number): Step {
    let best = steps[0]!;
    let bestAgeMs = this.currentCall(best, nowMs).ageMs;
    for (const step of steps) {
      const { ageMs } = this.currentCall(step, nowMs);
      // The later one of two equals is the younger slot: steps are ordered by their begin.
      if (ageMs <= bestAgeMs) {
        best = step;
        bestAgeMs = ageMs;
      }
    }
    return best;
  }

  /**
   * How long the current call has held its slot, and has worked. At the moment when a call ends,
   * none runs.
   */
  private currentCall(
    step: Step,
    nowMs: number,
  ): { isRunning: boolean; ageMs: number; workedMs: number } {
    const heldMs = nowMs - step.sinceMs;
    const firstEndMs = this.coldStartMs + this.callMs;
    if (heldMs < firstEndMs)
      return {
        isRunning: heldMs > 0,
        ageMs: heldMs,
        workedMs: Math.max(0, heldMs - this.coldStartMs),
      };
    const ageMs = (heldMs - this.coldStartMs) % this.callMs;
    return { isRunning: ageMs > 0, ageMs, workedMs: ageMs };
  }

  private leave(node: number, step: Step, slots: number, nowMs: number): void {
    const fromMs = step.sinceMs + this.coldStartMs;
    const calls = Math.floor((nowMs - fromMs) / this.callMs);
    if (calls > 0) this.sink.finished(node, slots, fromMs, fromMs + calls * this.callMs, calls);
  }
}
