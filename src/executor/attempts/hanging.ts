// Attempts whose processes hang in the kernel: SIGKILL does not end them, and nobody can say when
// they go.

import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../clock.js";
import type { AttemptGroup } from "../containment/containment.js";

/** What SIGKILL has not ended by then, and sleeps in the kernel, has ended for its user. */
export const hangGraceMs = 10_000;
/** An attempt that is slow to end for another reason is checked again. */
const hangLookMs = 1_000;

export class HangWatch {
  private killedAtMs: number | null = null;
  private timer: Timer | undefined;

  constructor(private readonly group: Pick<AttemptGroup, "hanging">) {}

  /** Calls `hung` once if the processes turn out to hang; only the first SIGKILL counts. */
  killed(hung: (killedAtMs: number) => void): void {
    if (this.killedAtMs !== null) return;
    const killedAtMs = monotonicMs();
    this.killedAtMs = killedAtMs;
    const look = () => {
      if (this.group.hanging().length > 0) hung(killedAtMs);
      else this.timer = setTimeout(look, hangLookMs);
    };
    this.timer = setTimeout(look, hangGraceMs);
  }

  /** The attempt is gone. */
  close(): void {
    clearTimeout(this.timer);
  }
}
