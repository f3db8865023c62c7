// Stops a cluster: one way for its starter, its watchdog and the command line.

import { existsSync } from "node:fs";
import { type ClusterFolder, removeFolder } from "../folder.js";
import { stopProcesses } from "./processes.js";

/**
 * Ends all processes of the cluster, waits until they are gone and removes its folder. Does nothing
 * the second time.
 */
export async function stopCluster(folder: ClusterFolder): Promise<void> {
  if (!existsSync(folder.marker)) return;
  await stopProcesses(folder);
  removeFolder(folder);
}
