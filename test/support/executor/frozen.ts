// Whether the kernel's freezer holds a process, by its group in the tree of version 2. Processes
// may end, move and lose their groups while they are looked at.

import { existsSync, readFileSync } from "node:fs";
import { errorCodeOf } from "../../../src/model/errors.js";

const tree = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) =>
  existsSync(`${path}/cgroup.procs`),
);

/** The group of a process in the tree of version 2; null if it has ended. */
export function groupOf(pid: number): string | null {
  return /^0::(.*)$/m.exec(read(`/proc/${pid}/cgroup`))?.[1] ?? null;
}

/** false if it has ended. */
export function isFrozen(pid: number): boolean {
  const group = groupOf(pid);
  return group !== null && read(`${tree}${group}/cgroup.events`).includes("frozen 1");
}

/** Nothing of what is gone. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    if (["ENOENT", "ESRCH", "ENODEV"].includes(errorCodeOf(thrown) ?? "")) return "";
    throw thrown;
  }
}
