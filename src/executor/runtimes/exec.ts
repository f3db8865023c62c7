// The runtime `exec`: one command per attempt, each under its own supervisor of glean-spawn.

import type { LaunchSpec } from "../../wire/messages.js";
import type { Runtime } from "./runtime.js";
import type { Spawning } from "./spawner.js";

export const execRuntime = (
  spawner: Spawning,
  { isolation }: Pick<LaunchSpec, "isolation">,
): Runtime => ({
  start: (order, group, events) => spawner.start({ ...order, isolation }, group, events),
});
