// Limits the size of the database: removes records older than store.retainDays and results older
// than results.keepMs, a few at a time, unless the clock is in doubt.

import type { Logger } from "pino";
import { nowMs, pause } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import { messageOf } from "../../model/errors.js";
import { maxAuditRows } from "../auth/audit.js";
import { ClockCheck, doubtMs } from "./clock-check.js";
import { Rounds } from "./rounds.js";

const dayMs = 86_400_000;
const everyMs = 3_600_000;
/** Rows of each kind in one step: a submission that arrives meanwhile waits some milliseconds. */
const rowsAtOnce = 200;
/** The pause between two steps, so that they take a small share of the store's time. */
const breatheMs = 50;

export interface RetentionPolicy {
  readonly retainDays: number;
  readonly keepResultsMs: number;
}

export class Retention extends Rounds {
  private readonly clock: ClockCheck;

  constructor(
    private readonly store: Pick<
      Store,
      "prune" | "pruneAudit" | "pruneAnswers" | "loadLearned" | "saveLearned"
    >,
    private readonly policy: RetentionPolicy,
    private readonly log: Logger,
  ) {
    super(everyMs);
    this.clock = new ClockCheck(store);
  }

  /** Removes all that is old; after an error, the next round tries again. */
  protected async work(): Promise<void> {
    // Whole days, as the ledger's sums are.
    const beforeMs = Math.floor(nowMs() / dayMs - this.policy.retainDays) * dayMs;
    const answersBeforeMs = nowMs() - this.policy.keepResultsMs;
    let removed = 0;
    try {
      const jumpMs = await this.clock.jumpMs();
      if (jumpMs !== null) return this.sayDoubt(jumpMs);
      for (let rows = -1; rows !== 0 && !this.isStopped; removed += rows) {
        rows =
          (await this.store.prune(beforeMs, rowsAtOnce)) +
          (await this.store.pruneAnswers(answersBeforeMs, rowsAtOnce)) +
          (await this.store.pruneAudit(beforeMs, maxAuditRows, rowsAtOnce));
        if (rows > 0) await pause(breatheMs);
      }
    } catch (cause) {
      this.log.error({ cause: messageOf(cause) }, "cannot remove old records");
    }
    if (removed > 0) this.log.info({ removed, beforeMs }, "removed old records");
  }

  private sayDoubt(jumpMs: number): void {
    const days = Math.floor(jumpMs / dayMs);
    const waitHours = doubtMs / 3_600_000;
    this.log.warn(
      `the clock is ${days} days later than when gleanerd last looked for old records, so it removes none for ${waitHours} hours: if the clock is wrong, set it within that time`,
    );
  }
}
