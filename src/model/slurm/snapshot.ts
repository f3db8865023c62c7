// What was read from Slurm in one tick.

import type { JobId, NodeName } from "../ids.js";
import type { Job } from "./job.js";
import type { JobShare } from "./job-share.js";
import type { Node } from "./node.js";

export interface Partition {
  readonly name: string;
  readonly state: string;
  readonly nodes: readonly NodeName[];
  readonly isDefault: boolean;
  readonly maxTimeMs: number | null;
  /** Slurm's OverSubscribe: `NO`, `EXCLUSIVE`, `FORCE:4` … */
  readonly overSubscribe: string;
  readonly priorityTier: number;
  readonly preemptMode: string;
  /** What a job of this partition is given to end by itself when it is preempted. */
  readonly graceMs: number;
}

/** Nodes kept for some users or for maintenance, from a moment on. */
export interface Reservation {
  readonly name: string;
  readonly nodes: readonly NodeName[];
  /** Of one that recurs (DAILY, WEEKLY) the next time. */
  readonly startAtMs: number;
  readonly endAtMs: number;
  /** CPUs of all its nodes together; left out: not told. */
  readonly cores?: number;
}

/** What `scontrol show config` says that safety rests on; read rarely. */
export interface ClusterFacts {
  readonly clusterName: string;
  readonly version: string;
  /** Programs in slurm.conf's Prolog= and Epilog= (comma-separated or indexed there). */
  readonly prologs: readonly string[];
  readonly epilogs: readonly string[];
  readonly prologFlags: readonly string[];
  /** The file that lists SPANK plugins: PlugStackConfig, else plugstack.conf beside slurm.conf; null when neither is told. */
  readonly pluginStack: string | null;
  /** SlurmdSpoolDir as it stands in slurm.conf, with %n and %h; null: not told. */
  readonly slurmdSpoolDirectory: string | null;
  /** Whether jobs are pinned to particular cores (task/affinity, or task/cgroup with ConstrainCores). */
  readonly jobsArePinned: boolean;
  /** Whether memory is a consumable resource (SelectTypeParameters has MEMORY). */
  readonly memoryIsConsumable: boolean;
  /** PreemptType, as `preempt/partition_prio`; and how long no job is preempted after its start (PreemptExemptTime). */
  readonly preemptType: string;
  readonly preemptExemptMs: number;
  /** Jobs may leave cores of their nodes to the system (`-S`), and a prolog of this Slurm is not told so. */
  readonly coreSpecIsHidden: boolean;
  /**
   * The largest MaxMemPerCPU of cluster and partitions; null: one of them has none. It bounds the memory of jobs without generic
   * resources: for others Slurm does not raise the number of CPUs to match their memory.
   */
  readonly maxMemoryPerCoreMb: number | null;
}

export interface Snapshot {
  readonly facts: ClusterFacts;
  readonly nodes: readonly Node[];
  readonly jobs: readonly Job[];
  /** What jobs have by name, read only where it decides: on partly used nodes whose jobs are pinned, or have GPUs. */
  readonly shares: ReadonlyMap<JobId, JobShare>;
  readonly partitions: readonly Partition[];
  /** Read at most once a minute, as the partitions are. */
  readonly reservations: readonly Reservation[];
  /** nowMs() just before the node read was sent: the state is at least as new as this. */
  readonly nodesAskedAtMs: number;
  readonly nodesReadAtMs: number;
  readonly jobsAskedAtMs: number;
  /** Lines that could not be read, bounded; their nodes are missing above, so nothing is planned on them. */
  readonly unreadable: readonly string[];
}
