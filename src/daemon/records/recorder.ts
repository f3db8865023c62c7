// Records the data of the utilization report: spans of nodes, holdings of executors, jobs, hooks,
// evictions.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { messageOf } from "../../model/errors.js";
import type { JobId, NodeName } from "../../model/ids.js";
import type { Holding, JobRecord, NodeSpan } from "../../model/records/utilization.js";
import { holdsNodes, type Job } from "../../model/slurm/job.js";
import type { Node } from "../../model/slurm/node.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";

/**
 * How often open spans are written: the most that a crash of the daemon can remove from a report.
 */
const flushMs = 10_000;

type Open<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Flags under which Slurm itself could not start a job on a node, so that its time is not idle
 * time.
 */
const outOfService: ReadonlySet<string> = new Set([
  "DRAIN",
  "DRAINED",
  "DRAINING",
  "FAIL",
  "NOT_RESPONDING",
  "MAINT",
  "MAINTENANCE",
  "REBOOT",
  "REBOOT_REQUESTED",
  "REBOOT_ISSUED",
  "POWERED_DOWN",
  "POWERING_DOWN",
  "POWERING_UP",
  "INVALID_REG",
]);
const inService: ReadonlySet<string> = new Set(["IDLE", "MIXED", "ALLOCATED"]);

const slurmCouldUse = (node: Node): boolean =>
  inService.has(node.baseState) && !node.flags.some((flag) => outOfService.has(flag));

export class Recorder {
  private readonly spans = new Map<NodeName, Open<NodeSpan>>();
  private readonly holdings = new Map<string, Open<Holding>>();
  private readonly recordedJobs = new Map<JobId, JobRecord>();
  /** Wake-ups that counted, as `job/node`; at most as many as the recorded jobs have nodes. */
  private readonly wokenFor = new Set<string>();
  /**
   * Jobs may have ended unseen: while the daemon was down, or when one vanished before its end was
   * read.
   */
  private mayHaveVanished = true;
  private flushedAtMs = nowMs();
  private readonly unrecorded = new LogRateLimit();

  constructor(
    private readonly store: Store,
    events: Events,
    private readonly log: Logger,
    private readonly staleMs: number,
  ) {
    events.subscribe(["snapshotRead"], ({ snapshot }) => this.snapshotRead(snapshot));
    events.subscribe(["executorReady", "executorChanged", "executorRetired"], ({ executor }) =>
      this.holdingChanged(executor),
    );
    events.subscribe(["hookReported"], ({ report }) => this.keep(store.saveHookEvent(report)));
    events.subscribe(["evicted"], ({ eviction }) => this.keep(store.saveEviction(eviction)));
  }

  /** Extends the spans to the time of the node read, and stores Slurm's records of the jobs. */
  private snapshotRead(snapshot: Snapshot): void {
    const atMs = snapshot.nodesAskedAtMs;
    for (const node of snapshot.nodes) this.extendSpan(node, atMs);
    this.recordJobs(snapshot);
    if (nowMs() - this.flushedAtMs >= flushMs) void this.flush();
  }

  private extendSpan(node: Node, atMs: number): void {
    const open = this.spans.get(node.name);
    const continues = open?.cores === node.cores && atMs - open.toMs <= this.staleMs;
    if (open !== undefined && continues && slurmCouldUse(node)) {
      open.toMs = atMs;
      return;
    }
    if (open !== undefined) this.keep(this.store.saveNodeSpans([open]));
    if (slurmCouldUse(node))
      this.spans.set(node.name, { node: node.name, cores: node.cores, fromMs: atMs, toMs: atMs });
    else this.spans.delete(node.name);
  }

  /**
   * Writes the changes since the last write; forgets jobs that slurmctld has forgotten, and ends
   * their records.
   */
  private recordJobs({ jobs, jobsAskedAtMs, unreadable }: Snapshot): void {
    const records: JobRecord[] = [];
    const seen = new Set<JobId>();
    for (const job of jobs) {
      const record = recordOf(job);
      if (record === null) continue;
      seen.add(job.id);
      if (saysTheSame(record, this.recordedJobs.get(job.id))) continue;
      this.recordedJobs.set(job.id, record);
      records.push(record);
    }
    for (const [id, record] of this.recordedJobs) {
      if (seen.has(id)) continue;
      this.recordedJobs.delete(id);
      for (const node of record.nodes) this.wokenFor.delete(`${id}/${node}`);
      if (record.endedAtMs === null) this.mayHaveVanished = true;
    }
    if (records.length > 0) this.keep(this.store.saveJobRecords(records));
    // An unreadable line may describe a job that still runs.
    if (!this.mayHaveVanished || unreadable.length > 0) return;
    this.mayHaveVanished = false;
    this.keep(this.store.closeVanishedJobs([...seen], jobsAskedAtMs));
  }

  /**
   * The executor's budget, state or connection changed. It holds its cores while it could receive
   * work.
   */
  private holdingChanged(record: ExecutorRecord): void {
    const cores = record.takesWork ? record.budget.cores : 0;
    const open = this.holdings.get(record.id);
    if (open?.cores === cores) return;
    const atMs = nowMs();
    if (open !== undefined) {
      this.holdings.delete(record.id);
      this.keep(this.store.saveHolding({ ...open, toMs: atMs }));
    }
    if (cores > 0)
      this.holdings.set(record.id, {
        executor: record.id,
        node: record.node,
        cores,
        fromMs: atMs,
        toMs: atMs,
      });
  }

  /**
   * A job's epilog reported from a node without an executor. Anybody can send such a hint, so it
   * counts once, and only for a job that Slurm has shown there. Returns whether it counts.
   */
  countsAsEnd(node: NodeName, jobId: JobId): boolean {
    const record = this.recordedJobs.get(jobId);
    if (record === undefined || !record.nodes.includes(node)) return false;
    const key = `${jobId}/${node}`;
    if (this.wokenFor.has(key)) return false;
    this.wokenFor.add(key);
    return true;
  }

  /**
   * Writes everything in memory to the store: before a report, every few seconds, and at the end.
   */
  async flush(): Promise<void> {
    this.flushedAtMs = nowMs();
    const atMs = nowMs();
    const writes: Promise<void>[] = [];
    if (this.spans.size > 0) writes.push(this.store.saveNodeSpans([...this.spans.values()]));
    for (const open of this.holdings.values()) {
      open.toMs = atMs;
      writes.push(this.store.saveHolding({ ...open }));
    }
    const results = await Promise.allSettled(writes);
    for (const result of results) if (result.status === "rejected") this.failed(result.reason);
  }

  /** A report may lack a line; no batch job and no result depends on it. */
  private keep(write: Promise<void>): void {
    write.catch((cause: unknown) => this.failed(cause));
  }

  private failed(cause: unknown): void {
    const problem = "cannot write a record for the utilization report";
    this.unrecorded.say((suppressed) =>
      this.log.error({ cause: messageOf(cause), suppressed }, problem),
    );
  }
}

const saysTheSame = (record: JobRecord, written: JobRecord | undefined): boolean =>
  record.startedAtMs === written?.startedAtMs &&
  record.endedAtMs === written.endedAtMs &&
  record.state === written.state;

/** null for a job that never held nodes. */
function recordOf(job: Job): JobRecord | null {
  const held = holdsNodes(job) || (job.state !== "PENDING" && job.endAtMs !== null);
  if (!held || job.startAtMs === null || job.nodes.length === 0) return null;
  return {
    id: job.id,
    displayId: job.displayId,
    name: job.name,
    user: job.user,
    partition: job.partition,
    state: job.state,
    nodes: job.nodes,
    cores: job.cores,
    submittedAtMs: job.submittedAtMs ?? job.startAtMs,
    startedAtMs: job.startAtMs,
    endedAtMs: holdsNodes(job) && job.state !== "COMPLETING" ? null : job.endAtMs,
  };
}
