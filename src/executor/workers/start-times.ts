// Measures the phases of a worker's start, whenever it breaks off.

import { monotonicMs } from "../../clock.js";
import type { StartPhases } from "../../model/call.js";

export class StartTimes {
  private readonly phases = { fetchMs: 0, startMs: 0, loadMs: 0 };
  private current: keyof StartPhases | null = null;
  private sinceMs = 0;
  private wasTaken = false;

  begin(): void {
    this.next("fetchMs");
  }

  /** The phase before ends. */
  next(phase: keyof StartPhases | null): void {
    const nowMs = monotonicMs();
    if (this.current !== null) this.phases[this.current] = Math.round(nowMs - this.sinceMs);
    this.current = phase;
    this.sinceMs = nowMs;
  }

  end(): void {
    this.next(null);
  }

  /** null from the second time on. */
  take(): StartPhases | null {
    if (this.wasTaken) return null;
    this.wasTaken = true;
    this.end();
    return { ...this.phases };
  }
}
