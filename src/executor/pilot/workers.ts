// The workers of a pilot: their socket lies in a private folder, which goes with the pilot, or with
// the next one if it was killed.

import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorCodeOf } from "../../model/errors.js";
import type { LaunchSpec } from "../../wire/launch.js";
import type { Containment } from "../containment/containment.js";
import { processGroups } from "../containment/process-groups.js";
import type { Admitting, Spawning } from "../runtimes/spawner.js";
import { startWorkers, type WorkerEvents, type WorkerSite } from "../workers/start.js";

/**
 * Idle workers cannot be frozen without cgroups, and end. But the cores of the job are the pilot's
 * alone, so they stay where all functions are the same user's: what an idle worker uses, that user
 * lacks.
 */
export const pilotGroups: Containment =
  process.geteuid!() === 0
    ? processGroups
    : {
        ...processGroups,
        openGroup: (...asked) => ({ ...processGroups.openGroup(...asked), freeze: () => {} }),
      };

const prefix = "gleaner-pilot-";
const socketName = "workers.sock";

export async function pilotWorkers(
  spec: LaunchSpec,
  spawner: Spawning & Admitting,
  tell: WorkerEvents,
): Promise<WorkerSite> {
  await removeAbandoned();
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const paths = { socket: join(folder, socketName), cache: spec.cacheFolder };
  const site = await startWorkers(spec, spawner, pilotGroups, paths, tell);
  return {
    ...site,
    close: () => {
      site.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Removes the folders of this user's pilots that were killed: nobody listens on their sockets. */
async function removeAbandoned(): Promise<void> {
  const folders = readdirSync(tmpdir())
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(tmpdir(), name))
    .filter((folder) => lstatSync(folder, { throwIfNoEntry: false })?.uid === process.geteuid!());
  for (const folder of folders)
    if (await isAbandoned(join(folder, socketName)))
      rmSync(folder, { recursive: true, force: true });
}

/** A pilot that starts has no socket yet. */
function isAbandoned(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socketPath);
    connection.once("connect", () => {
      connection.destroy();
      resolve(false);
    });
    connection.once("error", (error) => resolve(errorCodeOf(error) === "ECONNREFUSED"));
  });
}
