// Cgroups of version 2 that a test makes, and removes whatever became of it.

import { readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./executor.js";

/**
 * Removes the group with all that a failed test left in it: otherwise the kernel's EBUSY would hide
 * why the test failed.
 */
export async function removeGroup(group: string): Promise<void> {
  writeFileSync(join(group, "cgroup.kill"), "1");
  await until(() => readFileSync(join(group, "cgroup.events"), "utf8").includes("populated 0"));
  removeFolders(group);
}

function removeFolders(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeFolders(join(group, entry.name));
  rmdirSync(group);
}
