// Opens the group of an attempt or a worker, with its GPUs and what the environment says of them.

import type { ResourceRequest, Resources } from "../../model/resources.js";
import type { LaunchSpec } from "../../wire/launch.js";
import type { AttemptGroup, Containment } from "../containment/containment.js";
import { gpuEnvironment, rulesAgainstOthers } from "../node/gpu-devices.js";

export interface OpenedGroup {
  readonly group: AttemptGroup;
  readonly gpus: readonly number[];
  /** Variables that name the GPUs. */
  readonly told: Readonly<Record<string, string>>;
}

/** Throws if the group cannot be created. */
export function openGroupFor(
  containment: Containment,
  { gpuDevices }: Pick<LaunchSpec, "gpuDevices">,
  name: string,
  need: ResourceRequest,
  free: Resources,
): OpenedGroup {
  const gpus = free.gpus.slice(0, need.gpus);
  const denied = rulesAgainstOthers(gpuDevices, gpus);
  const { cores, memoryMb } = need;
  const group = containment.openGroup(name, { cores, memoryMb, gpus }, denied);
  return { group, gpus, told: gpuEnvironment(gpus, group.closesGpus) };
}
