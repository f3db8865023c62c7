// Reads the files of a cgroup, above all whether anything is left in it, and removes it.

import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { errorCodeOf } from "../../model/errors.js";

/**
 * Whether no process is in it or below it. An unreadable group counts as occupied: a job must not
 * start beside its processes.
 */
export const isEmptyGroup = (directory: string): boolean =>
  says(directory, (events) => !events.includes("populated 1"));

/** Whether everything in it and below it is frozen. */
export const isFrozenGroup = (directory: string): boolean =>
  says(directory, (events) => events.includes("frozen 1"));

/**
 * A group that is gone is empty and runs nothing; the state of an unreadable one (no free
 * descriptor) is unknown.
 */
function says(directory: string, holds: (events: string) => boolean): boolean {
  try {
    return holds(readFileSync(join(directory, "cgroup.events"), "latin1"));
  } catch (thrown) {
    const code = errorCodeOf(thrown);
    return code === "ENOENT" || code === "ENODEV"; // ENODEV: removed during the read
  }
}

/** The processes in it and below it. */
export function processesIn(directory: string): number[] {
  try {
    const own = readFileSync(join(directory, "cgroup.procs"), "latin1").split("\n").filter(Boolean);
    const below = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => processesIn(join(directory, name)));
    return [...own.map(Number), ...below];
  } catch {
    return []; // removed meanwhile
  }
}

/** Calls rmdir from the leaves up; throws EBUSY while anything runs in it. */
export function removeGroups(directory: string): void {
  try {
    rmdirSync(directory);
    return;
  } catch (thrown) {
    if (errorCodeOf(thrown) === "ENOENT") return;
  }
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(directory, entry.name));
  rmdirSync(directory);
}
