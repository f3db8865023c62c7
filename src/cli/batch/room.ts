// Where a submission could start now, as `--test-only` says it.

import { counted } from "../../model/counted.js";
import { expandHostList } from "../../model/hostlist.js";
import type { Where } from "../../model/invocation.js";
import { gresFit, gresText } from "../../model/slurm/gres-counts.js";
import type { InfoAnswer, NodeInfo, SubmitAnswer } from "../../sdk/index.js";
import { formatWhen } from "../when.js";

type Takes = NonNullable<SubmitAnswer["takes"]>;

/** In sbatch's words if a node has room now. Which node has a feature only gleanerd knows. */
export function roomText(
  takes: Takes,
  where: Where,
  { nodes }: Pick<InfoAnswer, "nodes">,
  nowMs: number,
): string {
  const { cores, memoryMb } = takes;
  const excluded = new Set<string>(
    where.exclude === undefined ? [] : expandHostList(where.exclude),
  );
  const found = nodes.find(
    (each) =>
      !excluded.has(each.node) &&
      (where.node ?? each.node) === each.node &&
      each.drainedBy === null &&
      hasRoom(each, takes, where),
  );
  const others = where.gres === undefined ? "" : `, ${gresText(where.gres)}`;
  if (found === undefined)
    return `it would wait: no node has ${counted(cores, "core")}${others} and ${memoryMb} MB for functions at present`;
  const isNamed = where.constraint === undefined && where.gpuType === undefined;
  const place = isNamed ? `on nodes ${found.node}` : "on the first node that has what it names";
  return `Job 0 to start at ${formatWhen(nowMs)} using ${cores} processors ${place} in partition gleaner`;
}

/** An executor that runs nothing has all of its memory and of what Slurm counts. */
function hasRoom(
  { hole, executor }: NodeInfo,
  { cores, memoryMb, gpus }: Takes,
  { gres }: Where,
): boolean {
  const free =
    executor === null
      ? hole?.free
      : { ...executor.budget, cores: executor.budget.cores - executor.usedCores };
  if (free === undefined) return false;
  const fits = free.cores >= cores && free.memoryMb >= memoryMb && free.gpus.length >= gpus;
  return fits && gresFit(gres, free.gres);
}
