// Names the options for which a submission is refused by a limit of the site.

import type { Where } from "../../model/invocation.js";
import type { ResourceRequest } from "../../model/resources.js";

type Asked = Omit<ResourceRequest, "memoryMb"> & {
  readonly memoryMb: number | null;
  readonly timeLimitMs: number | null;
  readonly where?: Where | undefined;
};

const whereOptions: Readonly<Record<keyof Where, string>> = {
  node: "nodelist",
  exclude: "exclude",
  constraint: "constraint",
  exclusive: "exclusive",
  gpuType: "gpus",
  gres: "gres",
  temporaryMb: "tmp",
};

/** None if it is refused for something else; `largest` is null before Slurm has been read. */
export function refusedOptions(
  { cores, memoryMb, gpus, timeLimitMs, where = {} }: Asked,
  largest: ResourceRequest | null,
  longestMs: number,
): readonly string[] {
  const found = new Set<string>();
  if ((timeLimitMs ?? 0) > longestMs) found.add("time");
  if (largest !== null && largest.cores === 0)
    for (const name of Object.keys(where)) found.add(whereOptions[name as keyof Where]);
  else if (largest !== null) {
    if (cores > largest.cores) found.add("cpus-per-task");
    if (gpus > largest.gpus) found.add("gpus");
    if ((memoryMb ?? 0) > largest.memoryMb) found.add("mem");
  }
  return [...found];
}
