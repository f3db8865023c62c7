// Amounts of cores, memory and GPUs, and the arithmetic on them.

/** An amount on one node. GPUs are named by index, since a job is given particular ones. */
export interface Resources {
  readonly cores: number;
  readonly memoryMb: number;
  readonly gpus: readonly number[];
}

export const nothing: Resources = { cores: 0, memoryMb: 0, gpus: [] };

/** Whether `need` fits in `free`: cores, memory, and a GPU index each. */
export function fits(need: Resources, free: Resources): boolean {
  return (
    need.cores <= free.cores &&
    need.memoryMb <= free.memoryMb &&
    need.gpus.every((gpu) => free.gpus.includes(gpu))
  );
}

/** What is left of `from` without `taken`, never below zero. */
export function subtract(from: Resources, taken: Resources): Resources {
  return {
    cores: Math.max(0, from.cores - taken.cores),
    memoryMb: Math.max(0, from.memoryMb - taken.memoryMb),
    gpus: from.gpus.filter((gpu) => !taken.gpus.includes(gpu)),
  };
}
