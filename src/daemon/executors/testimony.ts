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
import type { TaskRun } from "../state/assignments.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";

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
      return message.evicted.length <= (record.most?.cores ?? Number.POSITIVE_INFINITY)
        ? null
        : `it evicted ${message.evicted.length} attempts, but was ordered at most ${record.most?.cores} cores`;
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
  const isCall = report.answer !== undefined || report.phases !== undefined;
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
    timeLimitMs: known.timeLimitMs,
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
  const { run } = record.attempts.get(report.invocation)!;
  const bounded = run === null ? boundedEnd(report, known) : boundedInRun(report, known, run);
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

/** Tasks of one run share the time since the first of them was ordered. */
function boundedInRun<Report extends EndFigures & AttemptKey>(
  report: Report,
  known: KnownOrder,
  run: TaskRun,
): Report {
  const spentMs = run.spentMs - (run.toldMs.get(report.invocation) ?? 0);
  const leftMs = Math.max(0, nowMs() - run.orderedAtMs! - spentMs);
  const elapsedMs = Math.min(known.elapsedMs, leftMs);
  const bounded = boundedEnd(report, { ...known, elapsedMs });
  run.spentMs = spentMs + bounded.wallMs;
  run.toldMs.set(report.invocation, bounded.wallMs);
  return bounded;
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
