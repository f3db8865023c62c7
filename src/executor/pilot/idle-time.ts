// Ends a pilot that has had no work for a while.

import { monotonicMs } from "../../clock.js";
import type { Executor } from "../executor.js";

/** How many times an idle pilot checks its clock before it leaves. */
const looks = 4;

export class IdleTime {
  private workedAtMs = monotonicMs();

  constructor(private readonly idleMs: number) {}

  /** It has work, or could not be given any until now. */
  worked(): void {
    this.workedAtMs = monotonicMs();
  }

  /** Lets the executor leave once it is idle for `idleMs`. */
  watch(executor: Pick<Executor, "running" | "leave">): void {
    setInterval(() => {
      if (executor.running.length > 0) this.worked();
      if (monotonicMs() - this.workedAtMs >= this.idleMs)
        void executor.leave(`it had no work for ${this.idleMs} ms`);
    }, this.idleMs / looks);
  }
}
