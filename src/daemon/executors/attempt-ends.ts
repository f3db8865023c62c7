// Records the ends of attempts: as their executor reports them, and those of which no report will
// come. Ends of calls that an earlier gleanerd did not put on record are known by their vouchers.

import { nowMs } from "../../clock.js";
import { boundedEnd } from "../../core/accounting/plausibility.js";
import { isBilled } from "../../model/invocation.js";
import type { AttemptReport } from "../../wire/messages.js";
import type { Dispatcher } from "../invocations/dispatch.js";
import { lostFacts } from "../invocations/ends/end-facts.js";
import type { Settler } from "../invocations/settle.js";
import type { StartFailures } from "../invocations/start-failures.js";
import type { Vouchers } from "../invocations/vouchers.js";
import type { Assignment } from "../state/assignments.js";
import { mostElapsedMs } from "../state/elapsed.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { CallSources } from "./function-messages.js";
import { believed, isRecording } from "./testimony.js";

export interface AttemptEndsDependencies extends Pick<CallSources, "results"> {
  readonly live: LiveInvocations;
  readonly settler: Settler;
  readonly startFailures: Pick<StartFailures, "ended">;
  readonly dispatcher: Pick<Dispatcher, "kick">;
  readonly vouchers: Pick<Vouchers, "read">;
  readonly graceMs: number;
}

export class AttemptEnds {
  constructor(private readonly deps: AttemptEndsDependencies) {}

  /** Its executor reports the end; it is told once that is on record. */
  async reported(
    record: ExecutorRecord,
    report: AttemptReport,
    voucher?: Uint8Array,
  ): Promise<void> {
    const { live, dispatcher, settler, results } = this.deps;
    const { invocation, attempt } = report;
    const key = { invocation, attempt };
    const bounded = believed(record, report, this.deps);
    if (bounded === null) return this.acknowledge(record, report, voucher);
    const { agoMs, ...told } = bounded;
    const facts = { ...told, endedAtMs: nowMs() - agoMs };
    const { assignments } = live;
    const assignment = assignments.get(invocation)!;
    assignments.return(assignment, bounded.end === "EVICTED" || bounded.isInterrupted);
    record.idleWorkers.giveBack(invocation);
    this.deps.startFailures.ended(record, assignment, bounded);
    // The cores are free now; the next order need not wait for the disk.
    dispatcher.kick();
    try {
      const { uid } = live.get(invocation)!.owner;
      const { facts: taken, content } = await results.take(record, uid, facts);
      await settler.settle(taken, content);
    } catch {
      // The executor keeps the report until it is recorded, and repeats it when it reconnects.
      if (record.state === "gone")
        return this.lose(record, assignment, "its executor left meanwhile");
      assignments.undoReturn(assignment);
      record.line?.close();
      return;
    }
    record.line?.send({ type: "recorded", key });
    dispatcher.kick();
  }

  /** No credible report about this attempt will come: it returns to the queue. */
  async lose(
    record: ExecutorRecord,
    assignment: Assignment,
    reason: string,
    end: "LOST" | "EVICTED" = "LOST",
  ): Promise<void> {
    if (assignment.state === "begun") {
      this.deps.startFailures.ended(record, assignment, { end });
      this.deps.live.assignments.return(assignment);
    }
    await this.deps.settler.settleSurely(lostFacts(assignment, reason, end));
    this.deps.dispatcher.kick();
  }

  /**
   * It is over for gleanerd. The executor may forget the report, unless the end is being recorded:
   * it is told later.
   */
  private async acknowledge(
    record: ExecutorRecord,
    report: AttemptReport,
    voucher?: Uint8Array,
  ): Promise<void> {
    const { invocation, attempt } = report;
    const key = { invocation, attempt };
    if (isRecording(record, key, this.deps.live)) return;
    try {
      if (voucher !== undefined) await recordVouched(record, report, voucher, this.deps);
      record.line?.send({ type: "recorded", key });
    } catch {
      // It repeats the report when it reconnects.
      record.line?.close();
    }
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
  { live, settler, vouchers, results, graceMs: killWaitMs }: AttemptEndsDependencies,
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
  const known = { cores, memoryMb, timeLimitMs, elapsedMs, killWaitMs, isCall: true };
  const { agoMs, ...facts } = boundedEnd(report, known);
  const endedAtMs = nowMs() - agoMs;
  const taken = await results.take(record, owner.uid, { ...facts, endedAtMs });
  await settler.settleVouched(voucher!, taken.facts);
}
