// What executors report of batch jobs that wait beside functions, and the guard's answer.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import { describePressure, type InterferenceGuard } from "../../core/capacity/interference.js";
import type { PressureReport } from "../../model/capacity/pressure.js";
import type { ExecutorRecord } from "../state/registry.js";

export interface InterferenceDependencies {
  readonly guard: InterferenceGuard;
  readonly log: Logger;
}

/** Batch work goes first: where it suffers for long, what runs goes back to the queue at once, without a notice. */
export function noteInterference(
  record: ExecutorRecord,
  report: PressureReport,
  { guard, log }: InterferenceDependencies,
): void {
  if (!guard.heard(record.node, report, nowMs())) return;
  const reason = describePressure(report);
  const { node } = record;
  record.log.say((suppressed) => log.warn({ node, reason, suppressed }, "batch work suffers"));
  record.retire("stop", reason);
}
