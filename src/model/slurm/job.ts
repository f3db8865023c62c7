// A Slurm job as it appears in one snapshot, and the record of a job that ended.

import type { JobId, NodeName } from "../ids.js";

/** Slurm's own long state names (`squeue -o %T`); unknown ones are kept as they are. */
export type JobState = string;

export interface Job {
  readonly id: JobId;
  /** As squeue prints it: `42`, `42_7`, `42_[1-9]`. */
  readonly displayId: string;
  readonly name: string;
  readonly user: string;
  readonly account: string;
  readonly partition: string;
  readonly qos: string;
  readonly state: JobState;
  readonly cores: number;
  readonly nodeCount: number;
  readonly nodes: readonly NodeName[];
  readonly submittedAtMs: number | null;
  /** When a running or ended job started, or when backfill expects a pending one to start. */
  readonly startAtMs: number | null;
  /** Start + limit of a running job (an upper bound), or when an ended one ended. */
  readonly endAtMs: number | null;
  readonly timeLimitMs: number | null;
  /** Where backfill plans to start it. */
  readonly plannedNodes: readonly NodeName[];
  readonly reason: string;
}

/** States in which Slurm has given the job its nodes. */
const holdingStates: ReadonlySet<string> = new Set([
  "RUNNING",
  "COMPLETING",
  "CONFIGURING",
  "SUSPENDED",
  "STOPPED",
  "STAGE_OUT",
  "SIGNALING",
  "RESIZING",
]);

/**
 * A suspended job's CPUs are free in Slurm's books, but its own again, without a prolog, as soon as
 * it is resumed.
 */
export const isSuspended = ({ state }: Job): boolean => state === "SUSPENDED";

export const holdsNodes = (job: Job): boolean => holdingStates.has(job.state);

/** The cores that it has on each of its nodes, if it is spread evenly over them. */
export const evenCoresOf = ({ cores, nodeCount }: Job): number =>
  Math.ceil(cores / Math.max(1, nodeCount));
