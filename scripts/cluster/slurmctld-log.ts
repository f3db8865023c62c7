// Job events in slurmctld's log, with millisecond precision: when each job got its nodes, and when
// it ended.

import { readFileSync } from "node:fs";

export interface JobRecord {
  /** When it got nodes, in order: again after each requeue. */
  readonly allocatedAtMs: readonly number[];
  /** When slurmctld saw its last end; null if it has not ended, or was requeued since. */
  readonly endedAtMs: number | null;
}

/**
 * Lines as slurmctld writes them with the default LogTimeFormat, in this machine's time zone. The
 * form of a start depends on who starts the job: the main scheduler (`Allocate`), backfill
 * (`Started`), or the request of an srun or salloc that is served at once. Tasks of arrays and
 * components of heterogeneous jobs are written as `8_1(9)` and `3+1(4)`, with the job's own id in
 * parentheses.
 */
const line =
  /^\[([\d:T.-]+)\] .*?\b(Allocate|Started|_slurm_rpc_allocate_resources|_job_complete:) JobId=(\d+)(?:[_+][^ (]*)?(?:\((\d+)\))?(?: (.*))?$/;

/** By job id. */
export function readJobRecords(slurmctldLog: string): Map<number, JobRecord> {
  const jobs = new Map<number, JobRecord>();
  for (const text of readFileSync(slurmctldLog, "utf8").split("\n")) {
    const match = line.exec(text);
    if (match === null) continue;
    const [, time, event, id, ownId, rest = ""] = match;
    const atMs = new Date(time!).getTime();
    const job = Number(ownId ?? id);
    const { allocatedAtMs = [], endedAtMs = null } = jobs.get(job) ?? {};
    if (event === "_job_complete:") {
      if (rest === "done") jobs.set(job, { allocatedAtMs, endedAtMs: atMs });
    } else if (event !== "_slurm_rpc_allocate_resources" || isServed(rest))
      jobs.set(job, { allocatedAtMs: [...allocatedAtMs, atMs], endedAtMs: null });
    else jobs.set(job, { allocatedAtMs, endedAtMs });
  }
  return jobs;
}

/** A request that has to wait is logged too, without nodes. */
const isServed = (rest: string): boolean => /^NodeList=(?!\(null\))/.test(rest);

/**
 * The allocation of a process that belongs to the job and began at `atMs`; null if the log has
 * none.
 */
export function allocatedBefore(job: JobRecord | undefined, atMs: number): number | null {
  return job?.allocatedAtMs.findLast((allocatedAtMs) => allocatedAtMs <= atMs) ?? null;
}
