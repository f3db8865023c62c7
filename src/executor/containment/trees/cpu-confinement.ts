// Confines an executor and everything that it runs to given CPUs of the machine, by the cpuset
// controller of cgroup version 1 or 2.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GleanerError } from "../../../model/errors.js";

export interface CpuConfinement {
  /**
   * The file to which a command writes its pid; null if the other groups that it joins confine it.
   */
  readonly joinFile: string | null;
  /** Creates its groups, moves this process into one of them, and confines nothing yet. */
  open(): void;
  /** null allows any CPU. Running processes move at once. Throws if the kernel refuses. */
  confine(cpus: readonly number[] | null): void;
  /** Moves this process out of its groups. */
  leave(): void;
  /**
   * The location of its groups, to be removed with the others; null if they belong to another
   * controller.
   */
  readonly nodeGroup: string | null;
}

/** Groups for functions and for the executor itself, below the node's. */
const groups = ["work", "self"] as const;

/** A hierarchy of its own, in which a new group has no CPUs. */
export function cpusetOfVersion1(root: string, group: string): CpuConfinement {
  const nodeGroup = join(root, group);
  const copyFrom = (from: string, to: string, file: string) =>
    writeFileSync(join(to, file), readFileSync(join(from, file), "latin1").trim());
  return {
    nodeGroup,
    joinFile: join(nodeGroup, "work", "cgroup.procs"),
    open: () => {
      for (const name of groups) {
        let directory = root;
        for (const part of join(group, name).split("/")) {
          const above = directory;
          directory = join(directory, part);
          mkdirSync(directory, { recursive: true });
          for (const file of ["cpuset.cpus", "cpuset.mems"])
            if (isEmptyFile(join(directory, file))) copyFrom(above, directory, file);
        }
      }
      writeFileSync(join(nodeGroup, "self", "cgroup.procs"), String(process.pid));
    },
    leave: () => writeFileSync(join(root, "cgroup.procs"), String(process.pid)),
    confine: (cpus) => {
      for (const name of groups)
        if (cpus === null) copyFrom(nodeGroup, join(nodeGroup, name), "cpuset.cpus");
        else writeFileSync(join(nodeGroup, name, "cpuset.cpus"), cpus.join(","));
    },
  };
}

/**
 * The groups belong to the unified hierarchy; an empty list there inherits that of the group above.
 */
export function cpusetOfVersion2(root: string, group: string): CpuConfinement {
  return {
    nodeGroup: null,
    joinFile: null,
    open: () => {},
    leave: () => {},
    confine: (cpus) => {
      for (const name of groups)
        writeFileSync(join(root, group, name, "cpuset.cpus"), `${(cpus ?? []).join(",")}\n`);
    },
  };
}

/** For nodes without the controller: throws if asked for fewer than all CPUs. */
export const noConfinement: CpuConfinement = {
  nodeGroup: null,
  joinFile: null,
  open: () => {},
  leave: () => {},
  confine: (cpus) => {
    if (cpus !== null)
      throw new GleanerError(
        "LAUNCH",
        "jobs are pinned to their cores, but this node has no cpuset controller to keep functions off them: enable it in the kernel",
      );
  },
};

const isEmptyFile = (path: string): boolean =>
  !existsSync(path) || readFileSync(path, "latin1").trim() === "";
