// Attempts in cgroups, which hold them in their limits and kill them whole; where a node has none, in process groups.

import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../../clock.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { Resources } from "../../model/resources.js";
import { isEmptyGroup, isFrozenGroup, processesIn, removeGroups } from "./cgroup-files.js";
import { groupName, HungCgroups, removeTrees } from "./cgroup-hung.js";
import { type Limits, type Tree, type Trees, treesOf } from "./cgroup-trees.js";
import type { AttemptGroup, Containment, ContainmentKind, Need } from "./containment.js";
import { emptyPollMs } from "./emptying.js";
import { processGroups } from "./process-groups.js";
import { polledProcessesOfFunction, processesOfAll, processesOfFunction } from "./process-limit.js";
import { type HungGroups, hangs, noHungGroups } from "./unkillable.js";

/** Killed processes leave a cgroup in milliseconds; one that hangs in the kernel is not waited for longer. */
const emptyMs = 5_000;
/** Functions hang again and again where a file server is gone: at most so many executors of a node lost theirs at a time. */
const maxHungGroups = 15;

export interface Place {
  readonly containment: Containment;
  readonly hung: HungGroups;
}

/**
 * Moves this process into a group of its own under a group that is named after run directory and node: two clusters on
 * one machine may have nodes of the same name. What a dead executor left there is killed first. What hangs in the kernel stays
 * where it is, and this executor takes a group of another name; what takes longer to die without hanging ends in LAUNCH. Processes
 * that are `known` to hang are not waited for. Where there are no usable cgroups it falls back to process groups and tells
 * `explain` why.
 */
export async function openContainment(
  runDirectory: string,
  node: string,
  explain: (why: string) => void,
  known: ReadonlySet<number> = new Set(),
): Promise<Place> {
  const cluster = createHash("sha256").update(runDirectory).digest("hex").slice(0, 8);
  const name = join("gleaner", `${cluster}-${node}`);
  const left: Trees[] = [];
  let free: Trees | null = null;
  try {
    treesOf(name);
  } catch (thrown) {
    explain(`no cgroups: ${messageOf(thrown)}`);
    return { containment: processGroups, hung: noHungGroups };
  }
  for (let number = 0; number <= maxHungGroups; number++) {
    const found = treesOf(number === 0 ? name : `${name}~${number}`);
    if (await clear(found, known)) free ??= found;
    else left.push(found);
  }
  if (free === null)
    throw new GleanerError(
      "LAUNCH",
      `processes of ${left.length} executors hang in the kernel of this node and cannot be killed: restart it`,
    );
  const hung = new HungCgroups(left);
  try {
    return { containment: new CgroupContainment(free), hung };
  } catch (thrown) {
    explain(`cgroups cannot be made: ${messageOf(thrown)}`);
    return { containment: processGroups, hung };
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

  openGroup(name: string, need: Resources, denied: readonly string[] | null = null): AttemptGroup {
    const { memoryMb, cores } = need;
    const deniedDevices = denied ?? [];
    const limits: Limits = {
      memoryMb,
      cores,
      processes: processesOfFunction(cores),
      deniedDevices,
    };
    const polled = this.found.limitProcesses ? null : polledProcessesOfFunction(cores);
    const closesGpus = denied !== null && this.trees.some((tree) => tree.closesDevices);
    const group = new CgroupOfAttempt(
      this.found,
      join("work", groupName(name, need)),
      polled,
      closesGpus,
    );
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
    const processes = processesOfAll(cores);
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
      attempt(() => removeGroups(tree.nodeGroup));
    }
    const { cpus } = this.found;
    attempt(() => cpus.leave());
    if (cpus.nodeGroup !== null) attempt(() => removeGroups(cpus.nodeGroup!));
  }
}

class CgroupOfAttempt implements AttemptGroup {
  readonly pollMemory = false;
  readonly joinFiles: readonly string[];
  readonly killFile: string;
  private readonly directories: readonly string[];

  private readonly trees: readonly Tree[];

  constructor(
    { trees, cpus }: Trees,
    readonly path: string,
    readonly maxPolledProcesses: number | null,
    readonly closesGpus: boolean,
  ) {
    this.trees = trees;
    this.directories = trees.map((tree) => join(tree.nodeGroup, path));
    const files = this.directories.map((directory) => join(directory, "cgroup.procs"));
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
    return isFrozenGroup(join(this.killFile, ".."));
  }

  isEmpty(): boolean {
    return isEmptyGroup(join(this.killFile, ".."));
  }

  remove(): boolean {
    return this.directories.every((directory) => attempt(() => removeGroups(directory)));
  }
}

/** Ends what a dead executor left, and removes its groups; false: all that is left there hangs in the kernel. */
async function clear(found: Trees, known: ReadonlySet<number>): Promise<boolean> {
  const left = found.trees.find((tree) => tree.kills)!.nodeGroup;
  if (existsSync(join(left, "cgroup.kill"))) {
    writeFileSync(join(left, "cgroup.kill"), "1");
    const startedMs = monotonicMs();
    while (!isEmptyGroup(left)) {
      const isLate = monotonicMs() - startedMs > emptyMs;
      const pids = processesIn(left);
      const isWaitedFor = pids.length === 0 || (!isLate && !pids.every((pid) => known.has(pid)));
      if (!isWaitedFor && pids.every(hangs)) return false;
      if (isLate) throw new GleanerError("LAUNCH", `processes in ${left} do not die`);
      await pause(emptyPollMs);
    }
  }
  removeTrees(found);
  return true;
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
