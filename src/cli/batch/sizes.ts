// From the tasks, cores, memory and GPUs of a script to the request of one function on one node.

import type { BatchSettings } from "./options/option.js";

export interface Sizes {
  readonly ntasks: number;
  readonly cores: number;
  readonly gpus: number;
  readonly memoryMb: number | null;
  readonly memoryPerCoreMb: number | null;
}

export function sizesOf(settings: BatchSettings): Sizes {
  const { coresPerTask, coresPerGpu, overcommit, minCores, memoryPerGpuMb } = settings;
  const ntasks = settings.tasks ?? settings.tasksPerNode ?? 1;
  const gpus = settings.gpus * (settings.gpusPerTask ? ntasks : 1);
  const wanted =
    coresPerTask === null && coresPerGpu !== null && gpus > 0
      ? Math.max(coresPerGpu * gpus, overcommit ? 1 : ntasks)
      : (coresPerTask ?? 1) * (overcommit ? 1 : ntasks);
  const ofGpus = memoryPerGpuMb === null || gpus === 0 ? null : memoryPerGpuMb * gpus;
  return {
    ntasks,
    cores: Math.max(wanted, minCores),
    gpus,
    memoryMb: settings.memoryMb ?? ofGpus,
    memoryPerCoreMb: settings.memoryPerCoreMb,
  };
}

/** Why the tasks cannot be on one node; null if they can. */
export function whySeveralNodes({ tasks, tasksPerNode }: BatchSettings): string | null {
  if (tasks === null || tasksPerNode === null || tasks <= tasksPerNode) return null;
  return `--ntasks=${tasks} with --ntasks-per-node=${tasksPerNode} needs several nodes, and a function runs on one: give --ntasks-per-node=${tasks}, or submit the script with Slurm's sbatch`;
}
