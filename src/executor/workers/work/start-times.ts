// Measures the phases of a worker's first call, whenever it breaks off.

import { monotonicMs } from "../../../clock.js";
import type { CallPhases } from "../../../model/call.js";

export class StartTimes {
  private readonly phases = { fetchMs: 0, startMs: 0, loadMs: 0, runMs: 0 };
  private current: keyof CallPhases | null = null;
  private sinceMs = 0;
  private wasTaken = false;

  begin(): void {
    this.next("fetchMs");
  }

  /** The phase before ends. */
  next(phase: keyof CallPhases | null): void {
    const nowMs = monotonicMs();
    if (this.current !== null) this.phases[this.current] = Math.round(nowMs - this.sinceMs);
    this.current = phase;
    this.sinceMs = nowMs;
  }

  /** A call comes in the middle of it: from here on it waits. */
  joined(): void {
    Object.assign(this.phases, { fetchMs: 0, startMs: 0, loadMs: 0 });
    this.sinceMs = monotonicMs();
  }

  /** null from the second time on. */
  take(): CallPhases | null {
    if (this.wasTaken) return null;
    this.wasTaken = true;
    this.next(null);
    return { ...this.phases };
  }
}
