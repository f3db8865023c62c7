// A Slurm job as one snapshot shows it, and the record of one that ended.

import type { JobId, NodeName } from "../ids.js";

/** Slurm's own long state names (`squeue -o %T`); one that we do not know is kept as it is. */
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
  /** Of a running or ended job when it started, of a pending one when backfill expects to start it. */
  readonly startAtMs: number | null;
  /** Of a running job start + limit (an upper bound), of an ended one when it ended. */
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

/** Its CPUs are free in Slurm's books, and its again as soon as it is resumed, without a prolog. */
export const isSuspended = ({ state }: Job): boolean => state === "SUSPENDED";

export const holdsNodes = (job: Job): boolean => holdingStates.has(job.state);

/** Cores that it has on each of its nodes, if it is spread evenly over them. */
export const evenCoresOf = ({ cores, nodeCount }: Job): number =>
  Math.ceil(cores / Math.max(1, nodeCount));
