// Everything read from Slurm in one tick.

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
  /** The time that a preempted job of this partition has to exit by itself. */
  readonly graceMs: number;
}

/** Nodes reserved for some users or for maintenance, from some moment on. */
export interface Reservation {
  readonly name: string;
  readonly nodes: readonly NodeName[];
  /** For a recurring one (DAILY, WEEKLY), its next start. */
  readonly startAtMs: number;
  readonly endAtMs: number;
  /** CPUs on all its nodes together; omitted if unknown. */
  readonly cores?: number;
}

/** The settings of `scontrol show config` on which safety depends; read rarely. */
export interface ClusterFacts {
  readonly clusterName: string;
  readonly version: string;
  /** Programs in slurm.conf's Prolog= and Epilog= (comma-separated or indexed there). */
  readonly prologs: readonly string[];
  readonly epilogs: readonly string[];
  readonly prologFlags: readonly string[];
  /**
   * Whether slurmd runs programs and SPANK plugins before and after jobs: PrEpPlugins may have
   * others in their place.
   */
  readonly runsPrologs: boolean;
  /**
   * The file that lists SPANK plugins: PlugStackConfig, else plugstack.conf beside slurm.conf; null
   * if Slurm reports neither.
   */
  readonly pluginStack: string | null;
  /** SlurmdSpoolDir as in slurm.conf, with %n and %h; null if unknown. */
  readonly slurmdSpoolDirectory: string | null;
  /**
   * Whether jobs are pinned to particular cores (task/affinity, or task/cgroup with
   * ConstrainCores).
   */
  readonly jobsArePinned: boolean;
  /** Whether memory is a consumable resource (SelectTypeParameters has MEMORY). */
  readonly memoryIsConsumable: boolean;
  /**
   * PreemptType, such as `preempt/partition_prio`; and for how long after its start no job is
   * preempted (PreemptExemptTime).
   */
  readonly preemptType: string;
  readonly preemptExemptMs: number;
  /**
   * Whether jobs may leave cores of their nodes to the system (`-S`) while this Slurm does not tell
   * their prolog.
   */
  readonly coreSpecIsHidden: boolean;
  /**
   * The largest MaxMemPerCPU of cluster and partitions; null if one of them has none. It bounds the
   * memory of jobs without generic resources: for other jobs, Slurm does not raise the number of
   * CPUs to match their memory.
   */
  readonly maxMemoryPerCoreMb: number | null;
}

export interface Snapshot {
  readonly facts: ClusterFacts;
  readonly nodes: readonly Node[];
  readonly jobs: readonly Job[];
  /**
   * What jobs have by name, read only where it matters: on partly used nodes whose jobs are pinned
   * or have GPUs.
   */
  readonly shares: ReadonlyMap<JobId, JobShare>;
  readonly partitions: readonly Partition[];
  /** Read once a minute and when other nodes are reserved, as partitions are. */
  readonly reservations: readonly Reservation[];
  /** nowMs() just before the query for nodes was sent: the state is at least as new as this. */
  readonly nodesAskedAtMs: number;
  readonly nodesReadAtMs: number;
  readonly jobsAskedAtMs: number;
  /**
   * Unreadable lines, of limited number; their nodes are missing above, so nothing is planned on
   * them.
   */
  readonly unreadable: readonly string[];
}
