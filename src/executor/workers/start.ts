// Puts together what workers need on a node: their socket, the cache of their code, the programs of
// the runtimes, and how each is started.

import { join } from "node:path";
import type { LaunchSpec } from "../../wire/launch.js";
import type { CallAttemptOrder, ExecutorMessage } from "../../wire/messages.js";
import type { Containment } from "../containment/containment.js";
import { type OpenedGroup, openGroupFor } from "../runtimes/group.js";
import type { SpawnOrder, WorkerStart } from "../runtimes/spawn-request.js";
import type { Spawning } from "../runtimes/spawner.js";
import { BundleCache } from "./bundle-cache.js";
import { RuntimePrograms } from "./runtime-programs.js";
import { Worker } from "./worker.js";
import { WorkerSocket } from "./worker-socket.js";
import { Workers } from "./workers.js";

export interface WorkerSite {
  readonly workers: Workers;
  readonly code: BundleCache;
  close(): void;
}

type Spec = Pick<LaunchSpec, "isolation" | "gpuDevices">;

/** How workers connect, and where their code and their runtimes lie. */
export interface WorkerPorts {
  readonly sockets: Pick<WorkerSocket, "path" | "expect" | "forget">;
  readonly code: Pick<BundleCache, "folderOf">;
  readonly programs: Pick<RuntimePrograms, "commandOf">;
}

/**
 * `socketPath`: in a folder that only this process's user may enter; `cache`: where bundles are
 * kept; `say` tells gleanerd.
 */
export async function startWorkers(
  spec: Spec,
  spawner: Spawning,
  containment: Containment,
  paths: { readonly socket: string; readonly cache: string },
  say: (message: ExecutorMessage) => void,
): Promise<WorkerSite> {
  const sockets = await WorkerSocket.listen(paths.socket);
  const code = new BundleCache(
    join(paths.cache, "bundles"),
    (version) => say({ type: "fetchBundle", version }),
    () => workers.versions,
  );
  const programs = new RuntimePrograms(paths.cache);
  const workers: Workers = workersOver(
    { sockets, code, programs },
    spec,
    spawner,
    containment,
    say,
  );
  return { workers, code, close: () => sockets.close() };
}

export function workersOver(
  { sockets, code, programs }: WorkerPorts,
  spec: Spec,
  spawner: Spawning,
  containment: Containment,
  say: (message: ExecutorMessage) => void,
): Workers {
  let number = 0;
  return new Workers(
    (order, free, onGone) => {
      const name = `worker.${++number}`;
      const opened = openGroupFor(containment, spec, name, order, free);
      const id = sockets.expect({
        onProtocol: (socket) => worker.connected(socket),
        onOutput: (socket) => worker.prints(socket),
      });
      const worker: Worker = new Worker(opened, {
        settings: order.command.settings,
        code: () => code.folderOf(order.command.version),
        spawn: (directory, events) => {
          const argv = programs.commandOf(order.command.settings);
          const command = { kind: "worker", argv, socketPath: sockets.path, id } as const;
          const work = workOf(spec, { ...order, workingDirectory: directory }, command, opened);
          return spawner.start(work, opened.group, events);
        },
        onGone: () => {
          sockets.forget(id);
          onGone();
        },
      });
      return worker;
    },
    (workers) => say({ type: "warm", workers }),
  );
}

const workOf = (
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
