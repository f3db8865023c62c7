// Amounts of cores, memory and GPUs, and the arithmetic on them.

/**
 * An amount on one node. GPUs are named by index, since a job is given particular ones; cores where
 * jobs are pinned to theirs.
 */
export interface Resources {
  readonly cores: number;
  readonly memoryMb: number;
  readonly gpus: readonly number[];
  /** Slurm's own numbers of the CPUs it may use, at least as many as `cores`; any if omitted. */
  readonly cpuIds?: readonly number[];
}

/** An amount that work needs on one node: a number of GPUs, no matter which. */
export interface ResourceRequest {
  readonly cores: number;
  readonly memoryMb: number;
  readonly gpus: number;
}

export const nothing: Resources = { cores: 0, memoryMb: 0, gpus: [] };

/** The same amount with the number of GPUs instead of their indices. */
export const countsOf = ({ cores, memoryMb, gpus }: Resources): ResourceRequest => ({
  cores,
  memoryMb,
  gpus: gpus.length,
});

export const fits = (need: ResourceRequest, free: Resources): boolean =>
  need.cores <= free.cores && need.memoryMb <= free.memoryMb && need.gpus <= free.gpus.length;

/** What is left of `from` without `taken`, never below zero. */
export function subtract(from: Resources, taken: Resources): Resources {
  return {
    ...from,
    cores: Math.max(0, from.cores - taken.cores),
    memoryMb: Math.max(0, from.memoryMb - taken.memoryMb),
    gpus: from.gpus.filter((gpu) => !taken.gpus.includes(gpu)),
  };
}

/** All of them together. */
export const sumOf = (all: readonly Resources[]): Resources =>
  all.reduce(
    (sum, { cores, memoryMb, gpus }) => ({
      cores: sum.cores + cores,
      memoryMb: sum.memoryMb + memoryMb,
      gpus: [...sum.gpus, ...gpus],
    }),
    nothing,
  );

/** What either allows. */
export function greater(one: Resources, other: Resources): Resources {
  return {
    cores: Math.max(one.cores, other.cores),
    memoryMb: Math.max(one.memoryMb, other.memoryMb),
    gpus: [...new Set([...one.gpus, ...other.gpus])],
  };
}

/** What both allow. */
export function lesser(one: Resources, other: Resources): Resources {
  const both = {
    cores: Math.min(one.cores, other.cores),
    memoryMb: Math.min(one.memoryMb, other.memoryMb),
    gpus: one.gpus.filter((gpu) => other.gpus.includes(gpu)),
  };
  if (one.cpuIds === undefined && other.cpuIds === undefined) return both;
  const allowed = new Set(other.cpuIds ?? one.cpuIds);
  const cpuIds = (one.cpuIds ?? other.cpuIds!).filter((id) => allowed.has(id));
  return { ...both, cores: Math.min(both.cores, cpuIds.length), cpuIds };
}
