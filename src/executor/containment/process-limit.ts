// Limits the processes of functions, so that they cannot keep slurmd or a batch job from creating
// its own.

import { readFileSync } from "node:fs";

/** What a runtime with its own threads needs, however few its cores: a Java machine 40, Node 11. */
const processesPerFunction = 64;
/**
 * A parallel build needs 3, a program with one thread per core 2. All running processes must be
 * killed before a job may begin.
 */
const processesPerCore = 64;
/** All functions together leave at least three quarters of the node's process ids free. */
const shareOfNode = 1 / 4;
/** glean-spawn looks at no more (slurm-plugin/PROTOCOL.md). */
const maxPolledProcesses = 16_383;

/** Read once: each command asks. */
let processIds: number | null = null;

const ofNode = (processes: number): number => {
  processIds ??= Number(readFileSync("/proc/sys/kernel/pid_max", "latin1"));
  return Math.min(processes, Math.floor(processIds * shareOfNode));
};

/**
 * The limit for one function on that many cores; processes and threads count alike, as they do for
 * the kernel.
 */
export const processesOfFunction = (cores: number): number =>
  ofNode(processesPerFunction + processesPerCore * cores);

/** The limit for all functions on that many cores together: as many as if each had one core. */
export const processesOfAll = (cores: number): number =>
  ofNode((processesPerFunction + processesPerCore) * cores);

/** The same as processesOfFunction, where no cgroup counts processes and glean-spawn must. */
export const polledProcessesOfFunction = (cores: number): number =>
  Math.min(processesOfFunction(cores), maxPolledProcesses);
