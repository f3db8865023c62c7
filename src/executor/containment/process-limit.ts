// How many processes functions may hold, so that none of them can keep slurmd, or a batch job, from making its own.

import { readFileSync } from "node:fs";

/** What a runtime with threads of its own has, however few its cores: a Java machine 40, Node 11. */
const processesPerFunction = 64;
/** A parallel build has 3, a program with a thread for each core 2. All that run have to be killed before a job may begin. */
const processesPerCore = 64;
/** All functions together leave the node at least three quarters of its process ids. */
const shareOfNode = 1 / 4;
/** glean-spawn looks at no more (slurm-plugin/PROTOCOL.md). */
const maxPolledProcesses = 16_383;

const ofNode = (processes: number): number => {
  const processIds = Number(readFileSync("/proc/sys/kernel/pid_max", "latin1"));
  return Math.min(processes, Math.floor(processIds * shareOfNode));
};

/** What one function on that many cores may hold; processes and their threads count alike, as they do to the kernel. */
export const processesOfFunction = (cores: number): number =>
  ofNode(processesPerFunction + processesPerCore * cores);

/** What all functions on that many cores may hold together: as many as if each had one core. */
export const processesOfAll = (cores: number): number =>
  ofNode((processesPerFunction + processesPerCore) * cores);

/** As processesOfFunction, where no cgroup counts them and glean-spawn has to. */
export const polledProcessesOfFunction = (cores: number): number =>
  Math.min(processesOfFunction(cores), maxPolledProcesses);
