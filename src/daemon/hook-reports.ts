// What executors report of their node's hook, or of Slurm taking their pilot back, written into the record: what came and what that took.

import { nowMs } from "../clock.js";
import type { ExecutorMessage } from "../wire/messages.js";
import type { Recorder } from "./recorder.js";
import type { ExecutorRecord } from "./registry.js";

type Report<Type extends ExecutorMessage["type"]> = ExecutorMessage & { readonly type: Type };

/** A job's prolog was answered. */
export function noteJobBegan(
  record: ExecutorRecord,
  message: Report<"jobBegan">,
  recorder: Recorder,
): void {
  record.hookSequence = Math.max(record.hookSequence, message.sequence);
  record.markedJobs.set(message.job, message.sequence);
  const atMs = nowMs() - message.agoMs;
  recorder.hookSpoke(record.node, message.job, "begin", atMs - message.tookMs, message.cores);
  recorder.evicted({
    node: record.node,
    jobId: message.job,
    atMs,
    tookMs: message.tookMs,
    attempts: message.evicted.length,
    lostCoreMs: message.lostCoreMs,
  });
}

export function noteJobEnded(
  record: ExecutorRecord,
  message: Report<"jobEnded">,
  recorder: Recorder,
): void {
  record.hookSequence = Math.max(record.hookSequence, message.sequence);
  record.markedJobs.delete(message.job);
  recorder.hookSpoke(record.node, message.job, "end", nowMs() - message.agoMs, null);
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
    atMs: nowMs() - message.agoMs,
    tookMs: message.tookMs,
    attempts: 0,
    lostCoreMs: 0,
  });
}

/** Slurm takes a pilot back: it gets no more work. */
export function notePreemption(record: ExecutorRecord, message: Report<"preempted">): void {
  const { job, lostCoreMs } = message;
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
  recorder.evicted({ node, jobId: job, atMs, tookMs: atMs - heardAtMs, attempts, lostCoreMs });
}
