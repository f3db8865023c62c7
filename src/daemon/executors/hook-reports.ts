// What executors report of their node's hook, or of Slurm taking their pilot back, written into the record: what came and what that took.

import { nowMs } from "../../clock.js";
import type { ExecutorMessage } from "../../wire/messages.js";
import type { Recorder } from "../records/recorder.js";
import type { ExecutorRecord, Registry } from "../state/registry.js";

type Report<Type extends ExecutorMessage["type"]> = ExecutorMessage & { readonly type: Type };

/** Notes of a killed executor are read by the next one of its node: later than that they say nothing new. */
const longestAgoMs = 86_400_000;
/** slurmd waits no longer for a prolog (PrologEpilogTimeout is shorter where it is set). */
const longestHookMs = 3_600_000;

/** No node has more. */
const mostCores = 65_536;

/** Its cores cannot have been lost for longer than it had them. */
const mostLost = (record: ExecutorRecord, { lostCoreMs }: { readonly lostCoreMs: number }) =>
  Math.min(lostCoreMs, record.ageMs * (record.most?.cores ?? mostCores));

/** A job's prolog was answered. */
export function noteJobBegan(
  record: ExecutorRecord,
  message: Report<"jobBegan">,
  recorder: Recorder,
): void {
  record.hookSequence = Math.max(record.hookSequence, message.sequence);
  record.markedJobs.set(message.job, message.sequence);
  // Nothing that an executor saw is older than itself.
  const { ageMs, node } = record;
  const agoMs = Math.min(message.agoMs, ageMs);
  const tookMs = Math.min(message.tookMs, ageMs - agoMs);
  const atMs = nowMs() - agoMs;
  recorder.hookSpoke(node, message.job, "begin", atMs - tookMs, message.cores);
  const attempts = message.evicted.length;
  const lostCoreMs = mostLost(record, message);
  recorder.evicted({ node, jobId: message.job, atMs, tookMs, attempts, lostCoreMs, left: 0 });
}

export function noteJobEnded(
  record: ExecutorRecord,
  message: Report<"jobEnded">,
  recorder: Recorder,
): void {
  record.hookSequence = Math.max(record.hookSequence, message.sequence);
  record.markedJobs.delete(message.job);
  const agoMs = Math.min(message.agoMs, record.ageMs);
  recorder.hookSpoke(record.node, message.job, "end", nowMs() - agoMs, null);
}

/** What the killed executor ran was settled as lost when it vanished; the job's wait belongs into the report. */
export function noteHookKilled(
  record: ExecutorRecord,
  message: Report<"hookKilled">,
  recorder: Recorder,
): void {
  recorder.evicted({
    node: record.node,
    jobId: message.job,
    atMs: nowMs() - Math.min(message.agoMs, longestAgoMs),
    tookMs: Math.min(message.tookMs, longestHookMs),
    attempts: 0,
    lostCoreMs: 0,
    left: message.left,
  });
}

/** Slurm takes a pilot back: it gets no more work. */
export function notePreemption(record: ExecutorRecord, message: Report<"preempted">): void {
  const { job } = message;
  const lostCoreMs = mostLost(record, message);
  // With those whose order it has not read.
  const attempts = record.attempts.size;
  record.preemption = { job, lostCoreMs, attempts, heardAtMs: nowMs() };
  record.retire("stop", `Slurm takes back its pilot, job ${job}`);
}

/** The executor of a preempted pilot is gone: from its first word of it until now the job that comes waited for it. */
export function notePreempted({ node, preemption }: ExecutorRecord, recorder: Recorder): void {
  if (preemption === null) return;
  const { job, heardAtMs, attempts, lostCoreMs } = preemption;
  const atMs = nowMs();
  recorder.evicted({
    node,
    jobId: job,
    atMs,
    tookMs: atMs - heardAtMs,
    attempts,
    lostCoreMs,
    left: 0,
  });
}

/** What an executor found wrong with its node. */
export function noteNode(
  record: ExecutorRecord,
  message: Report<"gpusUnused"> | Report<"unkillable">,
  { unkillable }: Pick<Registry, "unkillable">,
): void {
  if (message.type === "gpusUnused") record.gpuProblem = message.reason;
  else if (message.report.count > 0) unkillable.set(record.node, message.report);
  else unkillable.delete(record.node);
}
