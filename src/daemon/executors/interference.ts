// Passes executors' reports of batch jobs that suffer from functions to the guard, and applies its
// decision.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import { describePressure, type InterferenceGuard } from "../../core/capacity/interference.js";
import type { PressureReport } from "../../model/capacity/pressure.js";
import type { ExecutorRecord } from "../state/executor-record.js";

export interface InterferenceDependencies {
  readonly guard: InterferenceGuard;
  readonly log: Logger;
}

/**
 * Batch work comes first: where it suffers for long, functions return to the queue at once, without
 * a notice.
 */
export function noteInterference(
  record: ExecutorRecord,
  report: PressureReport,
  { guard, log }: InterferenceDependencies,
): void {
  if (!guard.heard(record.node, report, nowMs())) return;
  const reason = describePressure(report);
  const { node } = record;
  record.log.say((suppressed) =>
    log.warn({ node, reason, suppressed }, "functions slow down batch work"),
  );
  record.retire("stop", reason);
}
