// The runtime `exec`: one command per attempt, each under its own glean-spawn.

import type { LaunchSpec } from "../../wire/messages.js";
import { spawnAttempt } from "./glean-spawn.js";
import type { Runtime } from "./runtime.js";

export const execRuntime = (
  { spawnProgram, isolation }: Pick<LaunchSpec, "spawnProgram" | "isolation">,
  spawn = spawnAttempt,
): Runtime => ({
  start: (order, group, events) => spawn(spawnProgram, { ...order, isolation }, group, events),
});
