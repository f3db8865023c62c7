// What holds attempts in their limits and ends them as a whole: cgroups where the node has them, else process groups.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../clock.js";
import { GleanerError, messageOf } from "../model/errors.js";
import type { Resources } from "../model/resources.js";
import { type Limits, type Tree, type Trees, treesOf } from "./cgroup-trees.js";
import { emptyPollMs } from "./freeing.js";
import { polledProcessesFor, processGroups } from "./process-groups.js";
import { processesFor } from "./process-limit.js";

export type ContainmentKind = "cgroup2" | "cgroup1" | "processGroup";

/** Killed processes leave a cgroup in milliseconds; one that hangs in the kernel is not waited for longer. */
const emptyMs = 5_000;

/** What limits follow from. */
export type Need = Pick<Resources, "cores" | "memoryMb">;

/** The place of one attempt. */
export interface AttemptGroup {
  /** Files that the command writes itself into. */
  readonly joinFiles: readonly string[];
  readonly killFile: string | null;
  /** No cgroup limits the memory: glean-spawn has to look. */
  readonly pollMemory: boolean;
  /** The most processes and threads that glean-spawn has to hold it to; null: a cgroup does. */
  readonly maxPolledProcesses: number | null;
  /** SIGKILL to all in it, at once. */
  kill(): void;
  /** All in it stand still, as soon as isFrozen says so, or go on. Throws where that cannot be done. */
  freeze(isFrozen: boolean): void;
  readonly isFrozen: boolean;
  /** Whether it was kept from opening the GPUs that are not its own. */
  readonly closesGpus: boolean;
  isEmpty(): boolean;
  /** false: something is still in it, try later. */
  remove(): boolean;
}

/** The place of one executor on its node. */
export interface Containment {
  readonly kind: ContainmentKind;
  /** Kills the executor and all its attempts; for the hook. */
  readonly killFile: string | null;
  /** Throws when the group cannot be made. `deniedDevices` null: the node has no GPU files. */
  openGroup(name: string, need: Need, deniedDevices?: readonly string[] | null): AttemptGroup;
  /** SIGKILL to all attempts with one write, at once; false where that cannot be done. */
  killAll(): boolean;
  /** Whether no process of any attempt is left; false where that cannot be told. */
  isEmpty(): boolean;
  /**
   * While attempts are dying they go before all others that want the processor: a batch job waits for them, and on a busy node
   * they would wait for it. A second call changes nothing.
   */
  hurry(isUrgent: boolean): void;
  /** Holds all attempts together in the budget. Throws when the kernel refuses. */
  limit(budget: Need): void;
  /** Keeps all attempts, and this process, on these CPUs of the machine; null: any. Throws where that cannot be done. */
  confine(cpus: readonly number[] | null): void;
  /** Gives back what `openContainment` made; what cannot be removed is left to the next executor. */
  close(): void;
}

/**
 * Moves this process into a group of its own under a group that is named after run directory and node: two clusters on
 * one machine may have nodes of the same name. What a dead executor left there is killed first; when it does not die this
 * rejects with LAUNCH. Where there are no usable cgroups it falls back to process groups and tells `explain` why.
 */
export async function openContainment(
  runDirectory: string,
  node: string,
  explain: (why: string) => void,
): Promise<Containment> {
  const cluster = createHash("sha256").update(runDirectory).digest("hex").slice(0, 8);
  let found: Trees;
  try {
    found = treesOf(join("gleaner", `${cluster}-${node}`));
  } catch (thrown) {
    explain(`no cgroups: ${messageOf(thrown)}`);
    return processGroups;
  }
  await clear(found);
  try {
    return new CgroupContainment(found);
  } catch (thrown) {
    explain(`cgroups cannot be made: ${messageOf(thrown)}`);
    return processGroups;
  }
}

class CgroupContainment implements Containment {
  readonly kind: ContainmentKind;
  readonly killFile: string;
  private readonly trees: readonly Tree[];

  constructor(private readonly found: Trees) {
    const { kind, trees } = found;
    const killTree = trees.find((tree) => tree.kills)!;
    this.kind = kind;
    this.trees = trees;
    this.killFile = join(killTree.nodeGroup, "cgroup.kill");
    try {
      for (const tree of trees) tree.make("work");
      found.cpus.open();
      killTree.make("self");
      if (!existsSync(this.killFile)) throw new Error(`${this.killFile} needs Linux 5.14`);
      writeFileSync(join(killTree.nodeGroup, "self", "cgroup.procs"), String(process.pid));
      this.hurry(false); // one that was killed in an eviction left it so
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  openGroup(
    name: string,
    { memoryMb, cores }: Need,
    denied: readonly string[] | null = null,
  ): AttemptGroup {
    const deniedDevices = denied ?? [];
    const limits: Limits = { memoryMb, cores, processes: processesFor(cores), deniedDevices };
    const polled = this.found.limitProcesses ? null : polledProcessesFor(cores);
    const closesGpus = denied !== null && this.trees.some((tree) => tree.closesDevices);
    const group = new CgroupOfAttempt(this.found, join("work", name), polled, closesGpus);
    try {
      for (const tree of this.trees) {
        tree.make(group.path);
        tree.limit(group.path, limits);
      }
    } catch (thrown) {
      group.remove();
      throw thrown;
    }
    return group;
  }

  limit({ memoryMb, cores }: Need): void {
    const processes = processesFor(cores);
    const limits: Limits = { memoryMb, cores: null, processes, deniedDevices: [] };
    for (const tree of this.trees) tree.limit("work", limits);
  }

  confine(cpus: readonly number[] | null): void {
    this.found.cpus.confine(cpus);
  }

  killAll(): boolean {
    const { nodeGroup } = this.trees.find((tree) => tree.kills)!;
    return attempt(() => writeFileSync(join(nodeGroup, "work", "cgroup.kill"), "1"));
  }

  isEmpty(): boolean {
    const { nodeGroup } = this.trees.find((tree) => tree.kills)!;
    return isEmptyGroup(join(nodeGroup, "work"));
  }

  hurry(isUrgent: boolean): void {
    // The group above ours too: its weight is what counts beside the rest of the node.
    for (const tree of this.trees)
      for (const path of ["..", "", "work"]) attempt(() => tree.hurry(path, isUrgent));
  }

  close(): void {
    for (const tree of this.trees) {
      // Some group above must take us back before ours can go; the root always may.
      if (tree.kills) attempt(() => writeFileSync(tree.rootProcs, String(process.pid)));
      attempt(() => removeTree(tree.nodeGroup));
    }
    const { cpus } = this.found;
    attempt(() => cpus.leave());
    if (cpus.nodeGroup !== null) attempt(() => removeTree(cpus.nodeGroup!));
  }
}

class CgroupOfAttempt implements AttemptGroup {
  readonly pollMemory = false;
  readonly joinFiles: readonly string[];
  readonly killFile: string;
  readonly #directories: readonly string[];

  private readonly trees: readonly Tree[];

  constructor(
    { trees, cpus }: Trees,
    readonly path: string,
    readonly maxPolledProcesses: number | null,
    readonly closesGpus: boolean,
  ) {
    this.trees = trees;
    this.#directories = trees.map((tree) => join(tree.nodeGroup, path));
    const files = this.#directories.map((directory) => join(directory, "cgroup.procs"));
    // The last one is the tree that kills: who is in it is in all the others.
    this.joinFiles = cpus.joinFile === null ? files : [cpus.joinFile, ...files];
    const killTree = trees.find((tree) => tree.kills)!;
    this.killFile = join(killTree.nodeGroup, path, "cgroup.kill");
  }

  kill(): void {
    attempt(() => writeFileSync(this.killFile, "1"));
    // Whoever used up its quota dies only in the next period, 100 ms later, unless the quota is lifted.
    for (const tree of this.trees) {
      attempt(() => tree.liftCores(this.path));
      attempt(() => tree.hurry(this.path, true));
    }
  }

  freeze(isFrozen: boolean): void {
    writeFileSync(join(this.killFile, "../cgroup.freeze"), isFrozen ? "1" : "0");
  }

  get isFrozen(): boolean {
    try {
      const events = readFileSync(join(this.killFile, "../cgroup.events"), "latin1");
      return events.includes("frozen 1");
    } catch {
      return true; // it is gone
    }
  }

  isEmpty(): boolean {
    return isEmptyGroup(join(this.killFile, ".."));
  }

  remove(): boolean {
    return this.#directories.every((directory) => attempt(() => removeTree(directory)));
  }
}

/** Ends what a dead executor left, and removes its groups. */
async function clear({ trees, cpus }: Trees): Promise<void> {
  const left = trees.find((tree) => tree.kills)!.nodeGroup;
  if (existsSync(join(left, "cgroup.kill"))) {
    writeFileSync(join(left, "cgroup.kill"), "1");
    const startedMs = monotonicMs();
    while (!isEmptyGroup(left)) {
      if (monotonicMs() - startedMs > emptyMs)
        throw new GleanerError("LAUNCH", `processes in ${left} do not die`);
      await pause(emptyPollMs);
    }
  }
  for (const tree of trees) removeTree(tree.nodeGroup);
  if (cpus.nodeGroup !== null) removeTree(cpus.nodeGroup);
}

function isEmptyGroup(directory: string): boolean {
  try {
    return !readFileSync(join(directory, "cgroup.events"), "latin1").includes("populated 1");
  } catch {
    return true; // it is gone
  }
}

/** rmdir from the leaves up; throws EBUSY while anything runs in it. */
function removeTree(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(directory, entry.name));
  rmdirSync(directory);
}

/** For steps whose failure changes nothing that the caller could do. */
function attempt(step: () => void): boolean {
  try {
    step();
    return true;
  } catch {
    return false;
  }
}
