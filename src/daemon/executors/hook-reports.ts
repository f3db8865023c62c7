// Records executors' reports about their node's hook, or about Slurm taking their pilot back: the
// job, and what it took.

import { nowMs } from "../../clock.js";
import type { ExecutorMessage } from "../../wire/messages.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { Registry } from "../state/registry.js";

type Report<Type extends ExecutorMessage["type"]> = ExecutorMessage & { readonly type: Type };

/** The next executor of a node reads the notes of a killed one: older notes are worthless. */
const longestAgoMs = 86_400_000;
/** slurmd waits at most this long for a prolog (less if PrologEpilogTimeout is set). */
const longestHookMs = 3_600_000;

/** More cores than any node has. */
const mostCores = 65_536;

/** Its cores cannot have been lost for longer than it had them. */
const mostLost = (record: ExecutorRecord, { lostCoreMs }: { readonly lostCoreMs: number }) =>
  Math.min(lostCoreMs, record.ageMs * (record.most?.cores ?? mostCores));

/** Jobs come and go; each is a few records. */
type HookReport = Report<"jobBegan"> | Report<"jobEnded"> | Report<"hookKilled">;

/**
 * A prolog or epilog ran there, or killed the node's last executor. Unless it `isKept`, no more
 * than which jobs are there: Slurm's own records have the rest.
 */
export function noteHook(
  record: ExecutorRecord,
  message: HookReport,
  events: Events,
  isKept: boolean,
): void {
  noteMark(record, message);
  if (!isKept) return;
  if (message.type === "jobBegan") noteJobBegan(record, message, events);
  else if (message.type === "jobEnded") noteJobEnded(record, message, events);
  else noteHookKilled(record, message, events);
}

/** No function may use what these jobs have, whether or not a record is kept of them. */
function noteMark(record: ExecutorRecord, message: HookReport): void {
  if (message.type === "hookKilled") return;
  record.hookSequence = Math.max(record.hookSequence, message.sequence);
  if (message.type === "jobBegan") record.markedJobs.set(message.job, message.sequence);
  else record.markedJobs.delete(message.job);
}

/** A job's prolog received its answer. */
function noteJobBegan(record: ExecutorRecord, message: Report<"jobBegan">, events: Events): void {
  // Nothing that an executor reports is older than the executor.
  const { ageMs, node } = record;
  const agoMs = Math.min(message.agoMs, ageMs);
  const tookMs = Math.min(message.tookMs, ageMs - agoMs);
  const atMs = nowMs() - agoMs;
  const began = { node, jobId: message.job, atMs: atMs - tookMs, cores: message.cores };
  events.publish({ type: "hookReported", report: { ...began, kind: "begin" } });
  const attempts = message.evicted.length;
  const lostCoreMs = mostLost(record, message);
  const eviction = { node, jobId: message.job, atMs, tookMs, attempts, lostCoreMs, left: 0 };
  events.publish({ type: "evicted", eviction });
}

function noteJobEnded(record: ExecutorRecord, message: Report<"jobEnded">, events: Events): void {
  const agoMs = Math.min(message.agoMs, record.ageMs);
  const ended = { node: record.node, jobId: message.job, atMs: nowMs() - agoMs, cores: null };
  events.publish({ type: "hookReported", report: { ...ended, kind: "end" } });
}

/**
 * The killed executor's attempts were recorded as lost when it vanished; the report also needs the
 * job's waiting time.
 */
function noteHookKilled(
  record: ExecutorRecord,
  message: Report<"hookKilled">,
  events: Events,
): void {
  const eviction = {
    node: record.node,
    jobId: message.job,
    atMs: nowMs() - Math.min(message.agoMs, longestAgoMs),
    tookMs: Math.min(message.tookMs, longestHookMs),
    attempts: 0,
    lostCoreMs: 0,
    left: message.left,
  };
  events.publish({ type: "evicted", eviction });
}

/** Slurm takes a pilot back: it gets no more work. */
export function notePreemption(record: ExecutorRecord, message: Report<"preempted">): void {
  const { job } = message;
  const lostCoreMs = mostLost(record, message);
  // Includes attempts whose order it has not read.
  const attempts = record.attempts.size;
  record.preemption = { job, lostCoreMs, attempts, heardAtMs: nowMs() };
  record.retire("stop", `Slurm preempts its pilot, job ${job}`);
}

/**
 * The executor of a preempted pilot is gone: the next job waited from its first report until now.
 */
export function notePreempted({ node, preemption }: ExecutorRecord, events: Events): void {
  if (preemption === null) return;
  const { job, heardAtMs, attempts, lostCoreMs } = preemption;
  const atMs = nowMs();
  const eviction = {
    node,
    jobId: job,
    atMs,
    tookMs: atMs - heardAtMs,
    attempts,
    lostCoreMs,
    left: 0,
  };
  events.publish({ type: "evicted", eviction });
}

/** A problem of its node that an executor found. */
export function noteNode(
  record: ExecutorRecord,
  message: Report<"gpusUnused"> | Report<"unkillable">,
  { unkillable }: Pick<Registry, "unkillable">,
): void {
  if (message.type === "gpusUnused") record.gpuProblem = message.reason;
  else if (message.report.count > 0) unkillable.set(record.node, message.report);
  else unkillable.delete(record.node);
}
