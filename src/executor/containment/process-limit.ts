// How many processes functions may hold, so that none of them can keep slurmd, or a batch job, from making its own.

import { readFileSync } from "node:fs";

/** Processes and threads for each core: room for a parallel build or a Java machine, far from what a fork bomb wants. */
const processesPerCore = 256;
/** All functions together leave the node at least three quarters of its process ids. */
const shareOfNode = 1 / 4;
/** glean-spawn looks at no more (slurm-plugin/PROTOCOL.md). */
const maxPolledProcesses = 16_383;

/** What functions on that many cores may hold together; processes and their threads count alike, as they do to the kernel. */
export function processesFor(cores: number): number {
  const ofNode = Number(readFileSync("/proc/sys/kernel/pid_max", "latin1"));
  return Math.min(processesPerCore * cores, Math.floor(ofNode * shareOfNode));
}

/** As processesFor, where no cgroup counts them and glean-spawn has to. */
export const polledProcessesFor = (cores: number): number =>
  Math.min(processesFor(cores), maxPolledProcesses);
