// What a cgroup's own files say of it, whether anything is left in it above all, and how it is removed.

import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/** Whether no process is in it or below it. One that cannot be looked at may hold some: a job must not start beside them. */
export const isEmptyGroup = (directory: string): boolean =>
  says(directory, (events) => !events.includes("populated 1"));

/** Whether all in it and below it stand still. */
export const isFrozenGroup = (directory: string): boolean =>
  says(directory, (events) => events.includes("frozen 1"));

/** A group that is gone is empty and runs nothing; of one that cannot be read (no descriptor left) nothing is known. */
function says(directory: string, holds: (events: string) => boolean): boolean {
  try {
    return holds(readFileSync(join(directory, "cgroup.events"), "latin1"));
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENODEV"; // ENODEV: removed while it was read
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

/** rmdir from the leaves up; throws EBUSY while anything runs in it. */
export function removeGroups(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(directory, entry.name));
  rmdirSync(directory);
}
