// Tells an executor when its hole is expected to close, so that functions that requested a notice
// get it in time.

import { nowMs } from "../../clock.js";
import type { ExecutorRecord } from "../state/executor-record.js";

/** Each plan moves the end a little; smaller changes are not sent. */
const noNewsMs = 1_000;
/** A more distant end is sent once it is nearer: this is the upper limit of setTimeout. */
const farMs = 2_147_483_647;

/** Sends the hole's planned end if it changed. */
export function sendForecast(record: ExecutorRecord): void {
  if (record.line === null || record.state !== "ready") return;
  const { endsAtMs } = record.outlook;
  const told = record.toldEndAtMs;
  const atMs = nowMs();
  const next = endsAtMs === null || endsAtMs - atMs > farMs ? null : endsAtMs;
  const isNews = next === null || told == null ? next !== told : Math.abs(next - told) > noNewsMs;
  if (!isNews) return;
  const inMs = next === null ? null : Math.max(0, next - atMs);
  const reason = reasonOf(record, next);
  if (record.line.send({ type: "foresee", inMs, reason })) record.toldEndAtMs = next;
}

function reasonOf({ node, timeIsOverAtMs }: ExecutorRecord, endsAtMs: number | null): string {
  if (endsAtMs === null) return "nothing is planned there";
  return endsAtMs === timeIsOverAtMs
    ? `the pilot on ${node} reaches its time limit soon`
    : `Slurm plans to use ${node} soon`;
}
