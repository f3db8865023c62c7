// Keeps an executor and all that it runs on given CPUs of the machine, by the cpuset controller of cgroup version 1 or 2.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GleanerError } from "../../model/errors.js";

export interface CpuConfinement {
  /** The file that a command writes itself into; null: the other groups that it joins confine it. */
  readonly joinFile: string | null;
  /** Makes its groups, moves this process into one of them, and confines nothing yet. */
  open(): void;
  /** null: any CPU. What runs is moved at once. Throws when the kernel refuses. */
  confine(cpus: readonly number[] | null): void;
  /** Moves this process out of its groups. */
  leave(): void;
  /** Where its groups are, to be removed with the others; null: they are others'. */
  readonly nodeGroup: string | null;
}

/** Groups of functions and of the executor itself, below the node's. */
const groups = ["work", "self"] as const;

/** The controller is a hierarchy of its own, in which a group has no CPUs until it is given some. */
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

/** The groups are those of the one hierarchy; an empty list there means: as the group above. */
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

/** A node without the controller: whoever asks for less than all CPUs is told so. */
export const noConfinement: CpuConfinement = {
  nodeGroup: null,
  joinFile: null,
  open: () => {},
  leave: () => {},
  confine: (cpus) => {
    if (cpus !== null)
      throw new GleanerError(
        "LAUNCH",
        "jobs are pinned to their cores and this node has no cpuset controller to keep functions from them",
      );
  },
};

const isEmptyFile = (path: string): boolean =>
  !existsSync(path) || readFileSync(path, "latin1").trim() === "";
