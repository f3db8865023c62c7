// The cgroups of one attempt: a group of its own that holds its processes together, and the slot
// that limits them, which another attempt may have had before.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isEmptyGroup, isFrozenGroup, processesIn, removeGroups } from "./cgroup-files.js";
import type { Tree } from "./cgroup-trees.js";
import type { AttemptGroup } from "./containment.js";
import { hangs } from "./unkillable.js";

/** A group with limits. */
export interface Slot {
  /** Below the node's group of each tree that limits. */
  readonly path: string;
  /** Its processes are gone; it may serve again if its limits are as they were. */
  close(mayServeAgain: boolean): void;
}

export class CgroupOfAttempt implements AttemptGroup {
  readonly pollMemory = false;
  readonly maxPolledProcesses: number | null;
  readonly closesGpus: boolean;
  readonly joinFiles: readonly string[];
  readonly killFile: string;
  private readonly directory: string;
  private isChanged = false;
  private isClosed = false;

  /** Throws if the group cannot be created. */
  constructor(
    private readonly trees: readonly Tree[],
    cpusFile: string | null,
    name: string,
    private readonly slot: Slot,
    facts: Pick<AttemptGroup, "maxPolledProcesses" | "closesGpus">,
  ) {
    this.maxPolledProcesses = facts.maxPolledProcesses;
    this.closesGpus = facts.closesGpus;
    const killTree = trees.find((tree) => tree.kills)!;
    this.directory = join(killTree.nodeGroup, killTree.limits ? slot.path : "work", name);
    this.killFile = join(this.directory, "cgroup.kill");
    const limiting = trees.filter((tree) => tree.limits);
    const slots = limiting.map((tree) => join(tree.nodeGroup, slot.path, "cgroup.procs"));
    // The last one is in the killing tree: a process in it is in all the others.
    this.joinFiles = [...slots, join(this.directory, "cgroup.procs")];
    if (cpusFile !== null) this.joinFiles = [cpusFile, ...this.joinFiles];
    mkdirSync(this.directory, { recursive: true });
  }

  kill(): void {
    if (this.isClosed) return;
    this.isChanged = true;
    attempt(() => writeFileSync(this.killFile, "1"));
    // A process that used up its quota would die only in the next period, 100 ms later, so the
    // quota is lifted.
    for (const tree of this.trees) {
      if (!tree.limits) continue;
      attempt(() => tree.liftCores(this.slot.path));
      attempt(() => tree.hurry(this.slot.path, true));
    }
  }

  freeze(isFrozen: boolean): void {
    this.isChanged = true;
    writeFileSync(join(this.directory, "cgroup.freeze"), isFrozen ? "1" : "0");
  }

  get isFrozen(): boolean {
    return isFrozenGroup(this.directory);
  }

  isEmpty(): boolean {
    return isEmptyGroup(this.directory);
  }

  processes(): readonly number[] {
    return processesIn(this.directory);
  }

  hanging(): readonly number[] {
    const pids = this.processes();
    return pids.every(hangs) ? pids : [];
  }

  remove(): boolean {
    if (this.isClosed) return true;
    if (!attempt(() => removeGroups(this.directory))) return false;
    this.isClosed = true;
    this.slot.close(!this.isChanged);
    return true;
  }
}

/** For steps whose failure the caller could not do anything about. */
export function attempt(step: () => void): boolean {
  try {
    step();
    return true;
  } catch {
    return false;
  }
}
