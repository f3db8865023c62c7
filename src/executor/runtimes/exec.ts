// The runtime `exec`: one command per attempt, each in a group of its own under a glean-spawn.

import { assert } from "../../model/errors.js";
import type { LaunchSpec } from "../../wire/launch.js";
import type { Containment } from "../containment/containment.js";
import { removeLater } from "../containment/group-removal.js";
import { spawnAttempt } from "./glean-spawn.js";
import { openGroupFor } from "./group.js";
import type { Runtime } from "./runtime.js";

export const execRuntime = (
  containment: Containment,
  spec: Pick<LaunchSpec, "spawnProgram" | "isolation" | "gpuDevices">,
  spawn = spawnAttempt,
): Runtime => ({
  hasIdle: false,
  yieldTo: async () => {},
  prepare(order, free) {
    const name = `${order.invocation}.${order.attempt}`;
    const { group, gpus, told } = openGroupFor(containment, spec, name, order, free);
    const environment = { ...order.environment, ...told };
    const { isolation, spawnProgram } = spec;
    const { command } = order;
    assert(command.kind !== "call", "workers run calls");
    const work = { ...order, command, environment, isolation };
    return {
      group,
      gpus,
      start: (events) => spawn(spawnProgram, work, group, events),
      log: () => null,
      release: (isHung) => {
        if (!isHung) removeLater(group);
      },
    };
  },
});
