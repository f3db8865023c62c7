// Checks an executor's reports against what it can know: the attempts it holds, its orders, and its
// age.

import { nowMs } from "../../clock.js";
import {
  boundedEnd,
  doubtOfBudget,
  doubtOfEnd,
  type EndFigures,
  type KnownOrder,
} from "../../core/accounting/plausibility.js";
import type { AttemptKey, AttemptReport, ExecutorMessage } from "../../wire/messages.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { SharedPlace } from "../state/shared-place.js";

/** Marks of jobs on one node: more than any node has cores. */
const maxMarkedJobs = 4_096;

interface Knowledge {
  readonly live: LiveInvocations;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
}

/** Why an executor cannot know or mean its report; null if it can. */
export function doubtOf(
  record: ExecutorRecord,
  message: ExecutorMessage,
  deps: Knowledge,
): string | null {
  switch (message.type) {
    case "ready":
    case "budget":
      return record.most === null ? null : doubtOfBudget(message.budget, record.most);
    case "ended":
      return doubtOfReport(record, message.report, deps);
    case "jobBegan":
      if (record.markedJobs.size >= maxMarkedJobs && !record.markedJobs.has(message.job))
        return `it names more than ${maxMarkedJobs} jobs on its node`;
      return doubtOfEvicted(record, message.evicted.length, deps);
    case "preempted":
      if (record.placement !== "pilot")
        return "it reports that Slurm preempts its job, but it is not a job";
      for (const report of message.evicted) {
        const doubt = doubtOfReport(record, report, deps);
        if (doubt !== null) return doubt;
      }
      return null;
    default:
      return null;
  }
}

/** Calls that share a worker may be more than its cores. */
function doubtOfEvicted({ id, most }: ExecutorRecord, evicted: number, { live }: Knowledge) {
  const held = live.assignments.mostHeldBy(id);
  return most === null || evicted <= held
    ? null
    : `it evicted ${evicted} attempts, but never held more than ${held}`;
}

function doubtOfReport(
  record: ExecutorRecord,
  report: AttemptReport,
  deps: Knowledge,
): string | null {
  const name = `attempt ${report.attempt} of invocation ${report.invocation}`;
  const known = knownOrder(record, report, deps);
  if (known === null)
    return isAnothers(record, report, deps.live) ? `${name} is not one of its attempts` : null;
  if (known === "not ordered") return `${name} ended before it was ordered`;
  const { answer, phases, isInterrupted = false } = report;
  const isCall = answer !== undefined || phases !== undefined || isInterrupted;
  if (isCall && deps.live.get(report.invocation)?.digest.version === null)
    return `${name} is reported as a call, but calls no function`;
  const doubt = doubtOfEnd(report, known);
  return doubt === null ? null : `of ${name}: ${doubt}`;
}

/** Another executor holds it, or nobody ever received it. */
function isAnothers(
  record: ExecutorRecord,
  { invocation, attempt }: AttemptKey,
  live: LiveInvocations,
): boolean {
  const known = live.get(invocation);
  if (known === undefined) return false;
  const newest = known.attempt;
  const holder = live.assignments.get(invocation)?.executor;
  const isElsewhere = holder !== undefined && holder !== record.id;
  return attempt > newest || (attempt === newest && isElsewhere);
}

/** null if the executor does not hold this attempt. */
function knownOrder(
  record: ExecutorRecord,
  { invocation, attempt }: AttemptKey,
  { live, graceMs }: Knowledge,
): KnownOrder | "not ordered" | null {
  const held = record.attempts.get(invocation);
  const known = live.get(invocation);
  if (held?.attempt !== attempt || known === undefined) return null;
  if (held.ordered === null) return "not ordered";
  return {
    cores: held.cores,
    memoryMb: held.memoryMb,
    timeLimitMs: known.timeLimits.mostMs,
    leastLimitMs: known.timeLimits.leastMs,
    isCall: known.digest.version !== null,
    leadMs: held.ordered.leadMs,
    killWaitMs: graceMs,
    elapsedMs: nowMs() - held.ordered.atMs,
    isCancelled: known.isToldToEnd || (record.isAdopted ? null : false),
  };
}

/**
 * The end of an attempt that it holds, with every figure limited to what is possible; null if it
 * holds none.
 */
export function believed<Report extends EndFigures & AttemptKey & Pick<AttemptReport, "phases">>(
  record: ExecutorRecord,
  report: Report,
  deps: Knowledge,
): Report | null {
  const known = knownOrder(record, report, deps);
  if (known === null || known === "not ordered") return null;
  const { phases } = report;
  const { place } = record.attempts.get(report.invocation)!;
  const bounded = place === null ? boundedEnd(report, known) : boundedInPlace(report, known, place);
  if (phases === undefined) return bounded;
  const atMost = (ms: number) => Math.min(ms, known.elapsedMs);
  const { fetchMs, startMs, loadMs, runMs } = phases;
  const believable = {
    fetchMs: atMost(fetchMs),
    startMs: atMost(startMs),
    loadMs: atMost(loadMs),
    runMs: atMost(runMs),
  };
  return { ...bounded, phases: believable };
}

/** Those that have one place share the time since the first of them was ordered. */
function boundedInPlace<Report extends EndFigures & AttemptKey>(
  report: Report,
  known: KnownOrder,
  place: SharedPlace,
): Report {
  const spentMs = place.spentMs - (place.toldMs.get(report.invocation) ?? 0);
  const leftMs = Math.max(0, nowMs() - place.orderedAtMs! - spentMs);
  const elapsedMs = place.isAtOnce ? known.elapsedMs : Math.min(known.elapsedMs, leftMs);
  const bounded = boundedEnd(report, { ...known, elapsedMs });
  const ownMs = Math.min(bounded.shareMs ?? bounded.wallMs, leftMs);
  place.spentMs = spentMs + ownMs;
  place.toldMs.set(report.invocation, ownMs);
  return ownMs === bounded.wallMs ? bounded : { ...bounded, shareMs: ownMs };
}

/** Whether its end has arrived but is not durable yet. */
export function isRecording(
  { id }: ExecutorRecord,
  { invocation, attempt }: AttemptKey,
  live: LiveInvocations,
): boolean {
  if (live.unrecorded.get(invocation)?.ends.has(invocation)) return true;
  const assignment = live.assignments.get(invocation);
  return assignment?.executor === id && assignment.attempt === attempt;
}
