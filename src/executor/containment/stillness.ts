// Whether the group of a parent stands still: between its forks, and while the cores of a new job
// are unknown, whatever it does then.

import { monotonicMs, pause, setImmediate, standStill } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import type { AttemptGroup } from "./containment.js";

/** Processes that sleep freeze in less, and so does one that was just forked, once it may run. */
const soonMs = 5;
/** It may need this processor, and timers take a millisecond. */
const lookMs = 0.1;
/** On a node whose processors are all busy. */
const freezeLimitMs = 2_000;

export class Stillness {
  /** Whether its parent has nothing to do, and nothing of it runs. */
  isResting = false;
  private isAsked = false;
  private isHeld = false;

  constructor(private readonly group: AttemptGroup) {}

  /** Resolves once nothing of it runs; rejects if that takes too long. */
  async begin(): Promise<void> {
    this.isAsked = true;
    await frozen(this.group);
    this.isResting = true;
  }

  /** It runs from now on or, if it is held, once it is not. */
  end(): void {
    if (this.isAsked && !this.isHeld) this.group.freeze(false);
    this.isAsked = false;
    this.isResting = false;
  }

  /** Throws if its group cannot be frozen. */
  hold(isHeld: boolean): void {
    if (isHeld === this.isHeld) return;
    this.isHeld = isHeld;
    if (this.isAsked) return;
    try {
      this.group.freeze(isHeld);
    } catch (thrown) {
      if (isHeld) throw thrown;
      // A group that is gone has nothing to resume.
    }
  }
}

/** Resolves once nothing in the group runs; rejects if that takes too long. */
async function frozen(group: AttemptGroup): Promise<void> {
  group.freeze(true);
  const startedMs = monotonicMs();
  while (!group.isFrozen) {
    const waitedMs = monotonicMs() - startedMs;
    if (waitedMs > freezeLimitMs) throw late();
    if (waitedMs >= soonMs) await pause(1);
    else {
      standStill(lookMs);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

const late = () => new GleanerError("PROTOCOL", `it did not freeze within ${freezeLimitMs} ms`);
