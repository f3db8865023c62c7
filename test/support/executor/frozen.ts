// Whether the kernel's freezer holds a process, by its group in the tree of version 2.

import { existsSync, readFileSync } from "node:fs";

const tree = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) =>
  existsSync(`${path}/cgroup.procs`),
);

/** The group of a process in the tree of version 2. */
export function groupOf(pid: number): string {
  return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))![1]!;
}

export function isFrozen(pid: number): boolean {
  return readFileSync(`${tree}${groupOf(pid)}/cgroup.events`, "utf8").includes("frozen 1");
}
