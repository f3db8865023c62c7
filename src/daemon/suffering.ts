// What executors report of batch jobs that wait beside functions, and the guard's answer.

import type { Logger } from "pino";
import { nowMs } from "../clock.js";
import { describePressure, type InterferenceGuard } from "../core/interference.js";
import type { PressureReport } from "../model/pressure.js";
import type { Recorder } from "./recorder.js";
import type { ExecutorRecord } from "./registry.js";

export interface SufferingDependencies {
  readonly guard: InterferenceGuard;
  readonly recorder: Recorder;
  readonly log: Logger;
}

/** Batch work goes first: where it suffers for long, what runs goes back to the queue at once, without a notice. */
export function noteSuffering(
  record: ExecutorRecord,
  report: PressureReport,
  { guard, recorder, log }: SufferingDependencies,
): void {
  if (!guard.heard(record.node, report, nowMs())) return;
  if (record.state === "ready") record.become("draining");
  recorder.holdingChanged(record);
  const reason = describePressure(report);
  log.warn({ node: record.node, reason }, "batch work suffers: executor stopped");
  record.line?.send({ type: "stop", reason });
}
