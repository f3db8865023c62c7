// The variables that sbatch sets in a job for options that were given, and that scripts read.

import type { BatchSettings } from "./options/option.js";

const plain: Readonly<Record<string, string>> = {
  "ntasks-per-node": "SLURM_NTASKS_PER_NODE",
  "cpus-per-gpu": "SLURM_CPUS_PER_GPU",
  gpus: "SLURM_GPUS",
  "gpus-per-node": "SLURM_GPUS_PER_NODE",
  "gpus-per-task": "SLURM_GPUS_PER_TASK",
  dependency: "SLURM_JOB_DEPENDENCY",
  account: "SLURM_JOB_ACCOUNT",
  qos: "SLURM_JOB_QOS",
  // All of several: lists are chosen by each, and the function gets the first.
  partition: "SLURM_JOB_PARTITION",
  distribution: "SLURM_DISTRIBUTION",
};
const maxLength = 1_024;

/** As sbatch takes it from the words: 2 of `0-6:2`, and 1 of `0,2,4,6`, the same tasks. */
const stepOf = (array: string | undefined): string | undefined =>
  !array ? undefined : (/:0*(\d+)/.exec(array)?.[1] ?? "1");

/** `given`: the value of an option that counts; undefined if it was not given. */
export function optionVariables(
  { memoryPerCoreMb, memoryPerGpuMb, openMode, overcommit }: BatchSettings,
  given: (option: string) => string | undefined,
): Record<string, string> {
  const all: readonly (readonly [string, string | number | null | undefined])[] = [
    ...Object.entries(plain).map(([option, name]) => [name, given(option)] as const),
    ["SLURM_EXPORT_ENV", /^all$/i.test(given("export") ?? "") ? null : given("export")],
    ["SLURM_MEM_PER_CPU", memoryPerCoreMb],
    ["SLURM_MEM_PER_GPU", memoryPerGpuMb],
    ["SLURM_OPEN_MODE", openMode?.[0]],
    ["SLURM_OVERCOMMIT", overcommit ? 1 : null],
    ["SLURM_THREADS_PER_CORE", given("hint") === "nomultithread" ? 1 : given("threads-per-core")],
    // As for Slurm, threads per core say more than a hint.
    ["SLURM_HINT", given("threads-per-core") === undefined ? given("hint") : null],
    ["SLURM_ARRAY_TASK_STEP", stepOf(given("array"))],
  ];
  return Object.fromEntries(
    all.flatMap(([name, value]) => {
      const text = String(value ?? "").slice(0, maxLength);
      return text === "" ? [] : [[name, text]];
    }),
  );
}
