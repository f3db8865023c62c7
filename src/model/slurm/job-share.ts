// What one job has of each of its nodes by name: CPUs, memory and GPUs.

import type { NodeName } from "../ids.js";

export interface NodeShare {
  /** Slurm's own ("abstract") numbers; the node's slurmd maps them to the machine's. */
  readonly cpuIds: readonly number[];
  readonly memoryMb: number;
  /** null: it has some, and which is not told. */
  readonly gpus: readonly number[] | null;
}

export interface JobShare {
  readonly byNode: ReadonlyMap<NodeName, NodeShare>;
  /** The most CPUs that its tasks on one node asked for; null: it asked for nothing in particular. */
  readonly askedCpusPerNode: number | null;
}
