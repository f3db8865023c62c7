// What the utilization report is made from, and what it says.

import type { ExecutorId, InvocationId, JobId, NodeName } from "../ids.js";
import type { ConditionSpan, IdlePart, IdleParts, UnfinishedSpan, WaitSpan } from "./idle.js";

/** Slurm's own record of one job (whole seconds, as Slurm keeps them), read while slurmctld still holds it. */
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
  /** null: still running when last read. */
  readonly endedAtMs: number | null;
}

/** What a node's hook saw: the allocation of a job beginning or ending there, to the millisecond. */
export interface HookEvent {
  readonly node: NodeName;
  readonly jobId: JobId;
  readonly kind: "begin" | "end";
  readonly atMs: number;
  /** What the job got on this node; null for an end. */
  readonly cores: number | null;
}

/** A stretch of time during which Slurm could have used a node: not down, not drained. */
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
  readonly cores: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** One answer of an executor to a job's prolog. */
export interface Eviction {
  readonly node: NodeName;
  readonly jobId: JobId;
  readonly atMs: number;
  /** From the start of the hook to its answer. */
  readonly tookMs: number;
  readonly attempts: number;
  readonly lostCoreMs: number;
  /** Processes of functions that were not seen to be gone when the prolog ended; null: nobody could count them. */
  readonly left: number | null;
}

/** A job that was let begin although functions may have been on what it was given. */
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
  /** Times at which something waited, anywhere; they may overlap. */
  readonly waits: readonly WaitSpan[];
  readonly evictions: readonly Eviction[];
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** How many evictions took at most so long, but longer than the bin before; null: the last bin, open upwards. */
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

export interface NodeUtilization {
  readonly node: NodeName;
  readonly availableCoreMs: number;
  readonly allocatedCoreMs: number;
  readonly idleCoreMs: number;
  readonly coveredCoreMs: number;
  readonly usefulCoreMs: number;
  /** As in Utilization; parts of 0 are left out. */
  readonly idleParts: Readonly<Partial<Record<IdlePart, number>>>;
}

export interface Utilization {
  readonly fromMs: number;
  readonly toMs: number;
  readonly nodes: number;
  readonly availableCoreMs: number;
  readonly allocatedCoreMs: number;
  readonly idleCoreMs: number;
  /** The part of idleCoreMs during which a ready executor held the core. */
  readonly coveredCoreMs: number;
  /** The part of idleCoreMs that became finished, billed work. */
  readonly usefulCoreMs: number;
  /** Where the idle core-time went: core-milliseconds that sum to idleCoreMs. */
  readonly idleParts: IdleParts;
  /** coveredCoreMs / idleCoreMs and usefulCoreMs / idleCoreMs; 0 when nothing was idle. */
  readonly coverage: number;
  readonly goodput: number;
  readonly evictions: number;
  readonly evictedAttempts: number;
  readonly lostToEvictionCoreMs: number;
  readonly evictMs: Percentiles | null;
  /** Always the same bins, ascending; their counts sum to `evictions`. */
  readonly evictHistogram: readonly EvictionBin[];
  /** In order of time; null: no job asked for anything back, so nothing was measured. */
  readonly violations: readonly Violation[] | null;
  readonly batchJobs: number;
  readonly series: readonly UtilizationPoint[];
  readonly perNode: readonly NodeUtilization[];
}
