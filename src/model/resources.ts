// Amounts of cores, memory, GPUs and counted resources, and the arithmetic on them.

import {
  gresField,
  gresFit,
  gresOfBoth,
  gresOfEither,
  gresSum,
  gresWithout,
  type HasGres,
} from "./slurm/gres-counts.js";

/**
 * An amount on one node. GPUs are named by index, since a job is given particular ones; cores where
 * jobs are pinned to theirs.
 */
export interface Resources extends HasGres {
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

/** More GPUs than any node has, and than the hook's protocol can express. */
export const maxGpus = 64;

export const nothing: Resources = { cores: 0, memoryMb: 0, gpus: [] };

/** The same amount with the number of GPUs instead of their indices. */
export const countsOf = ({ cores, memoryMb, gpus }: Resources): ResourceRequest => ({
  cores,
  memoryMb,
  gpus: gpus.length,
});

/** With the counted resources that it holds while it runs. */
export type PlaceRequest = ResourceRequest & HasGres;

export const fits = (need: PlaceRequest, free: Resources): boolean =>
  need.cores <= free.cores &&
  need.memoryMb <= free.memoryMb &&
  need.gpus <= free.gpus.length &&
  gresFit(need.gres, free.gres);

/** What is left of `from` without `taken`, never below zero. */
export function subtract(from: Resources, taken: Resources): Resources {
  return {
    ...from,
    cores: Math.max(0, from.cores - taken.cores),
    memoryMb: Math.max(0, from.memoryMb - taken.memoryMb),
    gpus: from.gpus.filter((gpu) => !taken.gpus.includes(gpu)),
    ...gresField(gresWithout(from.gres, taken.gres)),
  };
}

/** All of them together. */
export const sumOf = (all: readonly Resources[]): Resources =>
  all.reduce(
    (sum, { cores, memoryMb, gpus, gres }) => ({
      cores: sum.cores + cores,
      memoryMb: sum.memoryMb + memoryMb,
      gpus: [...sum.gpus, ...gpus],
      ...gresField(gresSum(sum.gres, gres)),
    }),
    nothing,
  );

/** What either allows. */
export function greater(one: Resources, other: Resources): Resources {
  return {
    cores: Math.max(one.cores, other.cores),
    memoryMb: Math.max(one.memoryMb, other.memoryMb),
    gpus: [...new Set([...one.gpus, ...other.gpus])],
    ...gresField(gresOfEither(one.gres, other.gres)),
  };
}

/** What both allow. */
export function lesser(one: Resources, other: Resources): Resources {
  const both = {
    cores: Math.min(one.cores, other.cores),
    memoryMb: Math.min(one.memoryMb, other.memoryMb),
    gpus: one.gpus.filter((gpu) => other.gpus.includes(gpu)),
    ...gresField(gresOfBoth(one.gres, other.gres)),
  };
  if (one.cpuIds === undefined && other.cpuIds === undefined) return both;
  const allowed = new Set(other.cpuIds ?? one.cpuIds);
  const cpuIds = (one.cpuIds ?? other.cpuIds!).filter((id) => allowed.has(id));
  return { ...both, cores: Math.min(both.cores, cpuIds.length), cpuIds };
}
