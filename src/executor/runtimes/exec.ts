// The runtime `exec`: one command per attempt, each in a group of its own under a supervisor of
// glean-spawn.

import { assert } from "../../model/errors.js";
import type { LaunchSpec } from "../../wire/launch.js";
import type { AttemptGroup, Containment } from "../containment/containment.js";
import { removeLater } from "../containment/group-removal.js";
import { MemoryPeak } from "../node/memory-peak.js";
import { attachStart } from "./attached.js";
import { openGroupFor } from "./group.js";
import type { ProcessEvents, Runtime } from "./runtime.js";
import type { Spawning } from "./spawner.js";

/** What commands find on the node. */
interface ExecPrograms {
  readonly attachProgram?: (() => string) | undefined;
  /** Variables by which they find the srun of functions; if omitted, there is none. */
  readonly steps?:
    | ((environment: Readonly<Record<string, string>>) => Record<string, string>)
    | undefined;
}

/** A supervisor of glean-spawn knows the largest process only, not what all had together. */
function withMemoryPeak(events: ProcessEvents, group: AttemptGroup): ProcessEvents {
  const peak = new MemoryPeak(group.joinFiles);
  return {
    onStarted: (pid) => events.onStarted(pid),
    onEnd(end) {
      events.onEnd(end.kind === "ended" ? { ...end, maxRssMb: peak.mb(end.maxRssMb) } : end);
      peak.close();
    },
  };
}

export const execRuntime = (
  containment: Containment,
  spec: Pick<LaunchSpec, "isolation" | "gpuDevices">,
  spawner: Spawning,
  { attachProgram, steps = () => ({}) }: ExecPrograms = {},
): Runtime => ({
  hasIdle: false,
  seatFor: () => null,
  yieldTo: async () => {},
  hold: () => [],
  prepare(order, free) {
    const name = `${order.invocation}.${order.attempt}`;
    const { command } = order;
    assert(command.kind !== "call", "workers run calls");
    const started =
      command.kind === "attached" ? attachStart(order, command, attachProgram!()) : { command };
    const { group, gpus, told } = openGroupFor(containment, spec, name, order, free);
    const environment = { ...order.environment, ...steps(order.environment), ...told };
    const work = { ...order, environment, isolation: spec.isolation, ...started };
    return {
      group,
      gpus,
      start: (events) => spawner.start(work, group, withMemoryPeak(events, group)),
      log: () => null,
      phases: () => null,
      lease: () => null,
      release: (isHung) => {
        if (!isHung) removeLater(group);
      },
    };
  },
});
