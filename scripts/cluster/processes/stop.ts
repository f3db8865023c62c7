// Stops a cluster: one way for its starter, its watchdog and the command line.

import { existsSync } from "node:fs";
import { type ClusterFolder, nodesOf, removeFolder, runDirectoryOf } from "../folder.js";
import { removeLeftGroups } from "../left-groups.js";
import { stopProcesses } from "./processes.js";

/**
 * Ends all processes of the cluster, waits until they are gone and removes their cgroups and its
 * folder. Does nothing the second time.
 */
export async function stopCluster(folder: ClusterFolder): Promise<void> {
  if (!existsSync(folder.marker)) return;
  await stopProcesses(folder);
  await removeLeftGroups(runDirectoryOf(folder), nodesOf(folder));
  removeFolder(folder);
}
