// Lists the nodes whose idle GPUs functions cannot use, with the reason: Slurm's record of the
// node, or its device files.

import type { NodeName } from "../../model/ids.js";
import type { Registry } from "../state/registry.js";
import type { Capacity } from "./capacity.js";

export interface GpuProblem {
  readonly node: NodeName;
  readonly reason: string;
}

export function gpuProblems(
  capacity: Pick<Capacity, "plan">,
  registry: Registry,
): readonly GpuProblem[] {
  return (capacity.plan?.holes ?? []).flatMap(({ node, gpuProblem }) => {
    const reason = gpuProblem ?? registry.onNode(node)?.gpuProblem ?? null;
    return reason === null ? [] : [{ node, reason }];
  });
}
