// What starts workers and their parents, and the order of glean-spawn that each becomes.

import type { LaunchSpec } from "../../wire/launch.js";
import type { CallAttemptOrder } from "../../wire/messages.js";
import type { Containment } from "../containment/containment.js";
import type { OpenedGroup } from "../runtimes/group.js";
import type { SpawnOrder, WorkerStart } from "../runtimes/spawn-request.js";
import type { Spawning } from "../runtimes/spawner.js";
import type { RuntimePrograms } from "./runtime-programs.js";
import type { WorkerSocket } from "./worker-socket.js";

export type Spec = Pick<LaunchSpec, "isolation" | "gpuDevices">;

/** What starts workers and their parents. */
export interface StartParts {
  readonly spec: Spec;
  readonly spawner: Spawning;
  readonly containment: Containment;
  readonly sockets: WorkerSocket;
  readonly programs: RuntimePrograms;
}

export const workOf = (
  { isolation }: Spec,
  order: CallAttemptOrder,
  command: WorkerStart,
  { told }: OpenedGroup,
): SpawnOrder => ({
  ...order,
  command,
  environment: { ...order.environment, ...told },
  stdoutPath: "/dev/null",
  stderrPath: "/dev/null",
  notice: null,
  checkpointDirectory: null,
  isolation,
});
