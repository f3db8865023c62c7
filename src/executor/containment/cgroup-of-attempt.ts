// The cgroups of one attempt, which hold its processes together and limit them; another attempt may
// have had them before.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isEmptyGroup, isFrozenGroup, processesIn } from "./cgroup-files.js";
import { nameHung } from "./cgroup-hung.js";
import type { AttemptGroup } from "./containment.js";
import type { Tree } from "./trees/cgroup-trees.js";
import { hangs } from "./unkillable.js";

/** A group in each tree, with limits. */
export interface Slot {
  /** Below the node's group of each tree. */
  readonly path: string;
  /** Keeps it for an attempt with the same limits; false if it must be removed. */
  keep(): boolean;
  /** Returns false while something is in it. */
  remove(): boolean;
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

  /** `name`: its invocation and attempt. */
  constructor(
    private readonly trees: readonly Tree[],
    cpusFile: string | null,
    private readonly name: string,
    private readonly slot: Slot,
    facts: Pick<AttemptGroup, "maxPolledProcesses" | "closesGpus">,
  ) {
    this.maxPolledProcesses = facts.maxPolledProcesses;
    this.closesGpus = facts.closesGpus;
    const killTree = trees.find((tree) => tree.kills)!;
    this.directory = join(killTree.nodeGroup, slot.path);
    this.killFile = join(this.directory, "cgroup.kill");
    // The last one is in the killing tree: a process in it is in all the others.
    this.joinFiles = trees.map((tree) => join(tree.nodeGroup, slot.path, "cgroup.procs"));
    if (cpusFile !== null) this.joinFiles = [cpusFile, ...this.joinFiles];
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
    if (!pids.every(hangs)) return [];
    // The name outlives this executor.
    if (pids.length > 0) attempt(() => nameHung(this.directory, this.name));
    return pids;
  }

  remove(): boolean {
    if (this.isClosed) return true;
    if (!this.isEmpty()) return false;
    this.isClosed = (!this.isChanged && this.slot.keep()) || this.slot.remove();
    return this.isClosed;
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
