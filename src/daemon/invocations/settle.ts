// Turns an attempt's end into the invocation's next state, a posting and a durable record, once.

import type { Logger } from "pino";
import { nowMs, pause } from "../../clock.js";
import { isCharged, postingsOf } from "../../core/accounting/metering.js";
import type { Heat } from "../../core/ports/leases.js";
import type { AttemptResult, Store } from "../../core/ports/store.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { sentenceOf } from "../../model/call.js";
import { messageOf } from "../../model/errors.js";
import { type InvocationState, isBilled, isFinal } from "../../model/invocation.js";
import type { Posting, Rates } from "../../model/records/account.js";
import type { Carried } from "../carried/carried.js";
import type { Events } from "../state/events.js";
import type { LiveInvocations } from "../state/live.js";
import { type Live, wasEvicted } from "../state/live-invocation.js";
import type { UnrecordedCall } from "../state/unrecorded.js";
import { record, recordSurely } from "./call-records.js";
import { type EndFacts, startFailureOf } from "./ends/end-facts.js";
import { afterInterruption } from "./ends/interruptions.js";
import { heatOf, LeaseEnds, type NextState } from "./ends/lease-ends.js";
import { retriedOr } from "./ends/retries.js";
import type { StartFailures } from "./start-failures.js";
import type { Voucher } from "./vouchers.js";

/** What postings depend on beside the end. */
type Billed = Pick<Live, "cores" | "memoryMb" | "owner">;

interface UnrecordedFacts extends EndFacts {
  readonly content: Carried | null;
}

/** A full disk is not repaired sooner. */
const retryMs = 1_000;

export interface SettlePolicy {
  readonly rates: Rates;
  /** An invocation that has lost this many executors in a row is taken for the cause. */
  readonly maxLostAttempts: number;
  /** If omitted, an invocation that could not be started fails, on whatever node that was. */
  readonly startFailures?: Pick<StartFailures, "failed" | "notLoaded" | "began" | "forget">;
}

export class Settler {
  private readonly stale = new LogRateLimit();
  private readonly unrecorded = new LogRateLimit();
  private readonly leaseEnds: LeaseEnds;

  constructor(
    private readonly live: LiveInvocations,
    private readonly store: Store,
    private readonly events: Events,
    private readonly policy: SettlePolicy,
    private readonly log: Logger,
  ) {
    this.leaseEnds = new LeaseEnds(events);
  }

  /**
   * Records the end of the running attempt. Resolves once it is durable; returns false for a stale
   * result, which changes nothing. Rejects, and logs it, if the store failed. The live state
   * changes only after the record, so that no client sees what a crash could undo; but a call that
   * is recorded with its end ends first: its client runs it again after a crash. `content`: the
   * result, if it is not on disk yet.
   */
  async settle(facts: EndFacts, content: Carried | null = null): Promise<boolean> {
    try {
      return await this.record(facts, content);
    } catch (cause) {
      const { invocation, attempt, end } = facts;
      this.noteUnrecorded({ invocation, attempt, end, cause: messageOf(cause) });
      throw cause;
    }
  }

  private async record(facts: EndFacts, content: Carried | null): Promise<boolean> {
    const live = this.live.get(facts.invocation);
    if (live === undefined || !isCurrent(live, facts)) {
      const { invocation, attempt } = facts;
      this.stale.say((suppressed) =>
        this.log.info({ invocation, attempt, suppressed }, "ignored a stale result"),
      );
      return false;
    }
    const call = this.live.unrecorded.get(facts.invocation);
    if (call?.recording != null) {
      await call.recording.catch(() => undefined);
      return this.record(facts, content);
    }
    if (call === undefined && content !== null) {
      await content.keep.surely;
      return this.record(facts, null);
    }
    const own = this.nextState(live, facts);
    const { next, reason } = await retriedOr(this.store, live, facts, own);
    if (!isCurrent(live, facts)) return this.record(facts, content);
    const heat = heatOf(live.digest.lease, facts);
    const postings = this.postingsOf(live, facts, heat);
    // A lease goes on after a crash that is billed: its executor forgets only what is on record.
    if (call !== undefined && postings.length > 0 && !isFinal(next)) {
      // Its executor would only repeat the report.
      await Promise.all(call.contents.map((each) => each.surely));
      await record(this.store, this.live.unrecorded, call);
      return this.record(facts, content);
    }
    const { startFailure: _, lease: _said, isInterrupted: _own, paceUs: _pace, ...result } = facts;
    const { answer = null, log = null, phases = null, shareMs = null } = facts;
    const kept = isFinal(next) ? { answer, log } : { answer: null, log: null };
    const ended = { ...result, ...heat, reason, next, postings, phases, shareMs, ...kept };
    if (call !== undefined) return this.endUnrecorded(live, call, { ...facts, content }, ended);
    const recorded = await this.store.endAttempt(ended);
    if (!recorded || !isCurrent(live, facts)) return recorded;
    this.apply(live, facts, next, reason);
    this.leaseEnds.ended(live, facts);
    return true;
  }

  /** None if it is not billed. */
  private postingsOf(
    { cores, memoryMb, owner: { uid, user } }: Billed,
    { invocation, attempt, end, wallMs, shareMs, cpuMs }: EndFacts,
    { hotMs }: Heat,
  ): readonly Posting[] {
    const measured = { cores, memoryMb, wallMs, shareMs: shareMs ?? null, cpuMs, hotMs };
    if (!isCharged(end, measured)) return [];
    return postingsOf({ invocation, attempt, uid, user }, measured, this.policy.rates, nowMs());
  }

  /**
   * Records a call that an earlier gleanerd did not; its end is billed. Does nothing if its request
   * is on record. A worker of a lease becomes a lease of its own, and an interrupted attempt a call
   * of its own. Rejects if the store failed.
   */
  async settleVouched({ request, attempt }: Voucher, facts: EndFacts): Promise<void> {
    const { startFailure: _, lease: _said, isInterrupted = false, paceUs: _pace, ...rest } = facts;
    const { answer = null, log = null, phases = null, shareMs = null } = facts;
    const { command } = request.submission;
    const terms = command.kind === "call" ? command.lease : undefined;
    // An evicted lease is not known any more: its client requests another one.
    const next = isBilled(facts.end) ? (facts.end as InvocationState) : "CANCELLED";
    // Earlier attempts were not billed, and nobody knows them any more.
    const first = { attempt: 1, next };
    const heat = heatOf(terms, facts);
    const postings = this.postingsOf({ ...attempt, ...request }, { ...facts, ...first }, heat);
    const result = { ...rest, ...first, ...heat, postings, answer, log, phases, shareMs };
    const attempts = [{ attempt: { ...attempt, number: 1 }, result }];
    const call = { id: facts.invocation, request, attempts };
    if (terms === undefined && !isInterrupted) return void (await this.store.recordCall(call));
    // Its client may have requested another one by the same id, but this one was held, too.
    const requestId = `${call.id} of ${request.requestId}`;
    const known = await this.store.listInvocations({ ids: [call.id], limit: 1 });
    if (known.length === 0)
      await this.store.recordCall({ ...call, request: { ...request, requestId } });
  }

  /** An unbilled attempt that returns to the queue is recorded with the end of its call. */
  private async endUnrecorded(
    live: Live,
    call: UnrecordedCall,
    facts: UnrecordedFacts,
    result: AttemptResult,
  ): Promise<true> {
    const at = call.attempts.findLastIndex((each) => each.attempt.invocation === live.id);
    call.attempts[at] = { attempt: call.attempts[at]!.attempt, result };
    this.apply(live, facts, result.next, result.reason, call);
    this.leaseEnds.ended(live, facts);
    if (isFinal(result.next)) await this.recordSurely(call);
    return true;
  }

  /** Together with others that are to be recorded; resolves once it is, whenever that succeeds. */
  recordSurely(call: UnrecordedCall): Promise<void> {
    return recordSurely(this.store, this.live.unrecorded, call, (cause) =>
      this.noteUnrecorded({ invocation: call.id, cause: messageOf(cause) }),
    );
  }

  private noteUnrecorded(problem: object): void {
    this.unrecorded.say((suppressed) =>
      this.log.error({ ...problem, suppressed }, "cannot record an end"),
    );
  }

  /**
   * Like settle, for ends that nobody will report again: while the store fails (a full disk),
   * retries until it succeeds. Until then the invocation counts as running, as it does in the
   * record.
   */
  async settleSurely(facts: EndFacts): Promise<void> {
    const { assignments } = this.live;
    const assignment = assignments.get(facts.invocation);
    // An attempt whose beginning was not recorded either is not tried again: the next one, which
    // has the same number, must not end with it.
    while (assignments.get(facts.invocation) === assignment) {
      try {
        await this.settle(facts);
        return;
      } catch {
        await pause(retryMs);
      }
    }
  }

  private nextState(live: Live, facts: EndFacts): NextState {
    const { startFailures } = this.policy;
    const failure = startFailureOf(facts);
    const hasRun = failure === null && facts.end !== "EVICTED" && facts.end !== "LOST";
    const { endReason } = live;
    if (!hasRun && endReason !== null) return { next: "CANCELLED", reason: endReason };
    if (failure !== null && startFailures !== undefined) {
      const verdict = startFailures.failed(live, failure, facts.reason ?? "");
      return { next: verdict.isFinal ? "FAILED" : "PENDING", reason: verdict.reason };
    }
    if (facts.isInterrupted) return afterInterruption(live, facts);
    const ofLease = this.leaseEnds.nextState(live, facts);
    if (ofLease !== null) return ofLease;
    if (facts.end === "CANCELLED" && endReason !== null)
      return { next: "CANCELLED", reason: endReason };
    if (facts.end === "CANCELLED" && live.requeueRequested)
      return { next: "PENDING", reason: "requeued by its owner" };
    if (facts.end !== "EVICTED" && facts.end !== "LOST")
      return { next: facts.end, reason: facts.reason };
    if (live.submission.schedule?.once) {
      const why = facts.reason === null ? "" : `: ${facts.reason}`;
      return { next: "FAILED", reason: `evicted, and --no-requeue allows one attempt${why}` };
    }
    if (facts.end === "LOST" && live.lostAttempts + 1 >= this.policy.maxLostAttempts) {
      const reason = `${this.policy.maxLostAttempts} consecutive executors were lost while they ran it: it may be the cause`;
      return { next: "FAILED", reason };
    }
    return { next: "PENDING", reason: facts.reason };
  }

  private apply(
    live: Live,
    facts: EndFacts & Partial<UnrecordedFacts>,
    next: InvocationState,
    reason: string | null,
    call?: UnrecordedCall,
  ): void {
    live.lostAttempts = facts.end === "LOST" ? live.lostAttempts + 1 : 0;
    if (facts.end === "EVICTED") wasEvicted(live, facts.wallMs);
    if (facts.isInterrupted) live.interruptions++;
    const { startFailures } = this.policy;
    const { functionKey } = live.digest;
    // An attempt that waited for its files held its cores, but did not run.
    const isLoaded = facts.answer?.kind !== "notLoaded";
    live.isRetried = startFailureOf(facts) !== null;
    const hasRun = isLoaded && !live.isRetried && (facts.exitCode ?? facts.signal) !== null;
    if (facts.answer?.kind === "notLoaded")
      startFailures?.notLoaded(live, sentenceOf(facts.answer.error));
    else if (hasRun) startFailures?.began(live);
    live.requeueRequested = false;
    if (next === "PENDING") {
      this.live.requeue(live, reason);
      return;
    }
    startFailures?.forget(facts.invocation);
    // A FAILED that the daemon set after lost executors is not a run, nor is one without a start.
    const paceMs = facts.paceUs === undefined ? null : facts.paceUs / 1_000;
    if (hasRun && (facts.end === "COMPLETED" || facts.end === "FAILED"))
      this.events.publish({ type: "functionRan", functionKey, wallMs: facts.wallMs, paceMs });
    const { exitCode, signal, endedAtMs, wallMs, cpuMs, maxRssMb } = facts;
    const measured = { wallMs, cpuMs, maxRssMb };
    const end = { state: next, reason, exitCode, signal, endedAtMs, ...measured };
    const { answer = null, content = null } = facts;
    call?.end(live.id, { invocation: { ...live.invocation, ...end }, answer, content });
    this.live.finish(live, end);
  }
}

const isCurrent = (live: Live, facts: { attempt: number }): boolean =>
  live.state === "RUNNING" && live.attempt === facts.attempt;
