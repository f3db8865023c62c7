// Tells an executor when its hole is expected to close, so that functions which asked for a notice get it in time.

import { nowMs } from "../../clock.js";
import type { ExecutorRecord } from "../state/registry.js";

/** Each plan moves the end by a little; less than this is not told. */
const noNewsMs = 1_000;
/** What is further away is told when it is nearer: setTimeout knows no more. */
const farMs = 2_147_483_647;

/** Sends what is new of the hole's planned end. */
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
    ? `the time of the pilot on ${node} is over soon`
    : `Slurm plans to use ${node} soon`;
}
