// Doubts a clock that is days later than at gleanerd's last round: after a boot with a wrong clock,
// everything would be old enough to be removed.

import { nowMs } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";

/** The name under which the store keeps the last time that was believed. */
const name = "clock";
/** Longer than the rounds are apart; and how long an administrator has to set the clock. */
export const doubtMs = 86_400_000;

export class ClockCheck {
  /** Since when this gleanerd doubts its clock. */
  private doubtedSinceMs: number | null = null;

  constructor(private readonly store: Pick<Store, "loadLearned" | "saveLearned">) {}

  /**
   * null if what is old may be removed; otherwise by how much the clock is later than it was. After
   * a day of doubt the clock is believed: gleanerd was off for that time.
   */
  async jumpMs(): Promise<number | null> {
    const kept = await this.store.loadLearned(name);
    const lastMs = kept === null ? null : Number(kept);
    const atMs = nowMs();
    const aheadMs = lastMs === null ? 0 : atMs - lastMs;
    if (aheadMs > doubtMs) {
      this.doubtedSinceMs ??= atMs;
      if (atMs - this.doubtedSinceMs < doubtMs) return aheadMs;
    }
    this.doubtedSinceMs = null;
    await this.store.saveLearned(name, String(atMs));
    return null;
  }
}
