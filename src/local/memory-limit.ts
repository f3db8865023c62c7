// Limits the memory of a worker by a cgroup, where this user may make one: as root, or below a
// cgroup that was delegated.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export interface MemoryLimit {
  /** Moves a process in; its children are limited with it. */
  add(pid: number): void;
  /** Whether the kernel has killed a process because of the limit. */
  wasReached(): boolean;
  /** Kills what is left in it; resolves once it is gone. */
  remove(): Promise<void>;
}

const mount = "/sys/fs/cgroup";

/** The files of a version of cgroups. */
interface Hierarchy {
  readonly root: string;
  readonly limit: string;
  /** Bounds memory and swap together in version 1, and swap alone in version 2. */
  readonly swap: string;
  readonly kills: string;
}

const version1: Hierarchy = {
  root: `${mount}/memory`,
  limit: "memory.limit_in_bytes",
  swap: "memory.memsw.limit_in_bytes",
  kills: "memory.oom_control",
};
const version2: Hierarchy = {
  root: mount,
  limit: "memory.max",
  swap: "memory.swap.max",
  kills: "memory.events",
};

/** null if this user may make no cgroup with a limit. */
export function openMemoryLimit(memoryMb: number, name: string): MemoryLimit | null {
  const own = ownCgroup(readFileSync("/proc/self/cgroup", "utf8"));
  if (own === null) return null;
  const { hierarchy, path } = own;
  // A cgroup of version 2 with processes in it cannot have limited ones below, its parents can.
  for (let above = path; ; above = dirname(above)) {
    const made = open(hierarchy, join(hierarchy.root, above, name), memoryMb);
    if (made !== null || above === "/") return made;
  }
}

/** In which cgroup a process is, from the text of its /proc/PID/cgroup. */
function ownCgroup(text: string): { readonly hierarchy: Hierarchy; readonly path: string } | null {
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers!.split(",").includes("memory")) return { hierarchy: version1, path };
    if (controllers === "" && existsSync(`${mount}/cgroup.controllers`))
      return { hierarchy: version2, path };
  }
  return null;
}

function open(hierarchy: Hierarchy, folder: string, memoryMb: number): MemoryLimit | null {
  const bytes = String(memoryMb * 1024 * 1024);
  try {
    mkdirSync(folder);
  } catch {
    return null;
  }
  const file = (name: string) => join(folder, name);
  try {
    writeFileSync(file(hierarchy.limit), bytes);
  } catch {
    rmdirSync(folder);
    return null;
  }
  if (existsSync(file(hierarchy.swap)))
    writeFileSync(file(hierarchy.swap), hierarchy === version1 ? bytes : "0");
  return {
    add: (pid) => writeFileSync(file("cgroup.procs"), String(pid)),
    wasReached: () => /^oom_kill [1-9]/m.test(readFileSync(file(hierarchy.kills), "utf8")),
    remove: () => removeGroup(folder),
  };
}

const removePollMs = 10;
const maxPolls = 200;

/** Also children that left the worker's process group; a killed one needs a moment. */
async function removeGroup(folder: string): Promise<void> {
  for (let polls = 0; ; polls++) {
    const left = readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean);
    for (const pid of left) kill(Number(pid));
    try {
      rmdirSync(folder);
      return;
    } catch (thrown) {
      if (polls >= maxPolls) throw thrown;
    }
    await pause(removePollMs);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
