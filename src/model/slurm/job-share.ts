// What one job has on each of its nodes, by name: CPUs, memory and GPUs.

import type { NodeName } from "../ids.js";

export interface NodeShare {
  /** Slurm's own ("abstract") numbers; the node's slurmd maps them to the machine's. */
  readonly cpuIds: readonly number[];
  readonly memoryMb: number;
  /** null if it has some, but Slurm does not say which. */
  readonly gpus: readonly number[] | null;
}

export interface JobShare {
  readonly byNode: ReadonlyMap<NodeName, NodeShare>;
  /**
   * The most CPUs that its tasks on one node requested; null if it requested no particular number.
   */
  readonly askedCpusPerNode: number | null;
}
