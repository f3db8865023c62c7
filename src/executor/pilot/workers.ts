// The workers of a pilot: their socket lies in a private folder, which goes with the pilot.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LaunchSpec } from "../../wire/launch.js";
import type { ExecutorMessage } from "../../wire/messages.js";
import type { Containment } from "../containment/containment.js";
import { processGroups } from "../containment/process-groups.js";
import type { Spawning } from "../runtimes/spawner.js";
import { startWorkers, type WorkerSite } from "../workers/start.js";

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

export async function pilotWorkers(
  spec: LaunchSpec,
  spawner: Spawning,
  say: (message: ExecutorMessage) => void,
  explain: (why: string) => void,
): Promise<WorkerSite> {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-pilot-"));
  const paths = { socket: join(folder, "workers.sock"), cache: spec.cacheFolder };
  const site = await startWorkers(spec, spawner, pilotGroups, paths, say, explain);
  return {
    ...site,
    close: () => {
      site.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
