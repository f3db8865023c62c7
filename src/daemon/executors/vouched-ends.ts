// Acknowledges ends of attempts that are over for gleanerd. Those of calls that an earlier gleanerd
// did not put on record are recorded first: their executors have vouchers for them.

import { nowMs } from "../../clock.js";
import { boundedEnd } from "../../core/accounting/plausibility.js";
import { isBilled } from "../../model/invocation.js";
import type { AttemptReport } from "../../wire/messages.js";
import type { Settler } from "../invocations/settle.js";
import type { Vouchers } from "../invocations/vouchers.js";
import { mostElapsedMs } from "../state/elapsed.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { CallSources } from "./function-messages.js";
import { isRecording } from "./testimony.js";

interface Knowledge extends Pick<CallSources, "results"> {
  readonly live: LiveInvocations;
  readonly settler: Pick<Settler, "settleVouched">;
  readonly vouchers: Pick<Vouchers, "read">;
  readonly graceMs: number;
}

/** The executor may forget the report, unless the end is being recorded: it is told later. */
export async function acknowledge(
  record: ExecutorRecord,
  report: AttemptReport,
  voucher: Uint8Array | undefined,
  deps: Knowledge,
): Promise<void> {
  const { invocation, attempt } = report;
  const key = { invocation, attempt };
  if (isRecording(record, key, deps.live)) return;
  try {
    if (voucher !== undefined) await recordVouched(record, report, voucher, deps);
    record.line?.send({ type: "recorded", key });
  } catch {
    // It repeats the report when it reconnects.
    record.line?.close();
  }
}

/**
 * Resolves once nothing is left to record. Its client has had the answer, or has sent the call
 * again, which is billed instead. Rejects if the store failed.
 */
async function recordVouched(
  record: ExecutorRecord,
  report: AttemptReport,
  sealed: Uint8Array,
  { live, settler, vouchers, results, graceMs: killWaitMs }: Knowledge,
): Promise<void> {
  const { invocation, attempt: number, end } = report;
  if (live.get(invocation) !== undefined) return;
  // Nothing ran: another node may start it once its client has sent it again.
  if (report.startFailure !== undefined) return;
  const voucher = vouchers.read(sealed);
  const attempt = voucher?.attempt;
  if (attempt?.invocation !== invocation || attempt.number !== number) return;
  if (attempt.executor !== record.id) return;
  const { cores, memoryMb } = attempt;
  const { submission, owner } = voucher!.request;
  const isLease = submission.command.kind === "call" && submission.command.lease !== undefined;
  // A call that the restarted gleanerd cancelled runs again; a lease was held until then.
  if (!isLease && (!isBilled(end) || end === "CANCELLED")) return;
  const { timeLimitMs } = submission;
  const elapsedMs = mostElapsedMs(attempt);
  const limits = { leadMs: 0, killWaitMs, isCancelled: null };
  const known = { cores, memoryMb, timeLimitMs, elapsedMs, ...limits };
  const { agoMs, ...facts } = boundedEnd(report, known);
  const endedAtMs = nowMs() - agoMs;
  const kept = await results.keep(record, owner.uid, { ...facts, endedAtMs });
  await settler.settleVouched(voucher!, kept);
}
