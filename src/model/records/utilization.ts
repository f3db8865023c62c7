// The input and the result of the utilization report.

import type { ExecutorId, InvocationId, JobId, NodeName } from "../ids.js";
import type { ConditionSpan, IdlePart, IdleParts, UnfinishedSpan, WaitSpan } from "./idle.js";

/**
 * Slurm's record of one job (in whole seconds, as in Slurm), read while slurmctld still holds it.
 */
export interface JobRecord {
  readonly id: JobId;
  readonly displayId: string;
  readonly name: string;
  readonly user: string;
  readonly partition: string;
  readonly state: string;
  readonly nodes: readonly NodeName[];
  readonly cores: number;
  readonly submittedAtMs: number;
  readonly startedAtMs: number;
  /** null if it was still running when last read. */
  readonly endedAtMs: number | null;
}

/**
 * What a node's hook saw: a job's allocation beginning or ending there, with millisecond precision.
 */
export interface HookEvent {
  readonly node: NodeName;
  readonly jobId: JobId;
  readonly kind: "begin" | "end";
  readonly atMs: number;
  /** The job's cores on this node; null for an end. */
  readonly cores: number | null;
}

/** A period in which Slurm could have used a node: neither down nor drained. */
export interface NodeSpan {
  readonly node: NodeName;
  readonly cores: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A ready executor holding cores. */
export interface Holding {
  readonly executor: ExecutorId;
  readonly node: NodeName;
  readonly cores: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A finished, billed attempt: goodput. */
export interface UsefulSpan {
  readonly invocation: InvocationId;
  readonly node: NodeName;
  /** The worker that it shared with other calls; null, or if omitted, none. */
  readonly worker?: string | null;
  readonly cores: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** An executor's answer to a job's prolog. */
export interface Eviction {
  readonly node: NodeName;
  readonly jobId: JobId;
  readonly atMs: number;
  /** From the start of the hook to its answer. */
  readonly tookMs: number;
  readonly attempts: number;
  readonly lostCoreMs: number;
  /**
   * Function processes that were not confirmed gone when the prolog ended; null if nobody could
   * count them.
   */
  readonly left: number | null;
}

/** A job that was allowed to begin although functions may have been using its resources. */
export type Violation = Pick<Eviction, "node" | "jobId" | "atMs" | "tookMs" | "left">;

export interface UtilizationInput {
  readonly fromMs: number;
  readonly toMs: number;
  readonly nodeSpans: readonly NodeSpan[];
  readonly jobs: readonly JobRecord[];
  readonly hookEvents: readonly HookEvent[];
  readonly holdings: readonly Holding[];
  readonly useful: readonly UsefulSpan[];
  readonly unfinished: readonly UnfinishedSpan[];
  readonly conditions: readonly ConditionSpan[];
  /** Times at which something waited, anywhere. */
  readonly waits: readonly WaitSpan[];
  readonly evictions: readonly Eviction[];
  readonly leased: readonly (LeasedSpan & { readonly node: NodeName })[];
}

/** A leased worker that has ended. */
export interface LeasedSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly cores: number;
  /** The processor time, and the part of it in which it says that it spun. */
  readonly cpuMs: number;
  readonly spinMs: number;
}

/** What leases held, by what it was. */
export interface LeasedTime {
  readonly leasedCallsCoreMs: number;
  readonly leasedHotCoreMs: number;
  readonly leasedHeldCoreMs: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * How many evictions took at most this long, but longer than the previous bin; null for the last
 * bin, which has no upper bound.
 */
export interface EvictionBin {
  readonly atMostMs: number | null;
  readonly count: number;
}

/** Average cores during one step of the report's time axis. */
export interface UtilizationPoint {
  readonly atMs: number;
  readonly allocatedCores: number;
  readonly idleCores: number;
  readonly coveredCores: number;
  readonly usefulCores: number;
}

export interface NodeUtilization extends LeasedTime {
  readonly node: NodeName;
  readonly availableCoreMs: number;
  readonly allocatedCoreMs: number;
  readonly idleCoreMs: number;
  readonly coveredCoreMs: number;
  readonly usefulCoreMs: number;
  /** As in Utilization; parts of 0 are omitted. */
  readonly idleParts: Readonly<Partial<Record<IdlePart, number>>>;
}

export interface Utilization extends LeasedTime {
  readonly fromMs: number;
  readonly toMs: number;
  /** The part of the period in which no node was seen in service; it is in no other figure. */
  readonly unobservedMs: number;
  readonly nodes: number;
  readonly availableCoreMs: number;
  readonly allocatedCoreMs: number;
  readonly idleCoreMs: number;
  /** The part of idleCoreMs during which a ready executor held the cores. */
  readonly coveredCoreMs: number;
  /** The part of idleCoreMs that became finished, billed work. */
  readonly usefulCoreMs: number;
  /** Where the idle core-time went: core-milliseconds that sum to idleCoreMs. */
  readonly idleParts: IdleParts;
  /** coveredCoreMs / idleCoreMs and usefulCoreMs / idleCoreMs; 0 if nothing was idle. */
  readonly coverage: number;
  readonly goodput: number;
  readonly evictions: number;
  readonly evictedAttempts: number;
  readonly lostToEvictionCoreMs: number;
  readonly evictMs: Percentiles | null;
  /** Always the same bins, ascending; their counts sum to `evictions`. */
  readonly evictHistogram: readonly EvictionBin[];
  /** In order of time; null if no job asked for anything back, so that nothing was measured. */
  readonly violations: readonly Violation[] | null;
  readonly batchJobs: number;
  readonly series: readonly UtilizationPoint[];
  readonly perNode: readonly NodeUtilization[];
}
