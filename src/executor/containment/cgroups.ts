// Runs attempts in cgroups, which enforce their limits and kill them as a whole; without cgroups,
// in process groups.

import { existsSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../../clock.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { Resources } from "../../model/resources.js";
import { groupNamesOf } from "../node/group-names.js";
import { isEmptyGroup, processesIn, removeGroups } from "./cgroup-files.js";
import { groupName, HungCgroups, removeTrees } from "./cgroup-hung.js";
import { attempt, CgroupOfAttempt, type Slot } from "./cgroup-of-attempt.js";
import type { AttemptGroup, Containment, ContainmentKind, Need } from "./containment.js";
import { emptyMs, emptyPollMs, endOfKilled, type Known } from "./emptying.js";
import { GroupPool } from "./group-pool.js";
import { processGroups } from "./process-groups.js";
import { polledProcessesOfFunction, processesOfAll, processesOfFunction } from "./process-limit.js";
import { type Limits, type Tree, type Trees, treesOf } from "./trees/cgroup-trees.js";
import { type HungGroups, hangs, noHungGroups } from "./unkillable.js";

/** A process that gives back much memory sleeps for a moment as if it hung. */
const releaseMs = 500;
const bytesPerMb = 1024 * 1024;
/**
 * What an ended attempt may leave in the memory of its group (files that it wrote, and kernel
 * objects), if the next one is to have the group: that counts against its limit.
 */
const leftShare = 1 / 16;

export interface Place {
  readonly containment: Containment;
  readonly hung: HungGroups;
}

/**
 * Moves this process into its own group under a group named after run directory and node, because
 * two clusters on one machine may use the same node names. Kills first what a dead executor left
 * there. Processes that hang in the kernel stay where they are, and this executor uses a group of
 * another name; processes that die too slowly without hanging cause LAUNCH. Does not wait for
 * processes `known` to hang. Without usable cgroups, falls back to process groups and calls
 * `explain` with the reason.
 */
export async function openContainment(
  runDirectory: string,
  node: string,
  explain: (why: string) => void,
  known: Known = () => [],
): Promise<Place> {
  const names = groupNamesOf(runDirectory, node);
  const left: Trees[] = [];
  let free: Trees | null = null;
  try {
    treesOf(names[0]!);
  } catch (thrown) {
    explain(`no cgroups: ${messageOf(thrown)}`);
    return { containment: processGroups, hung: noHungGroups };
  }
  for (const name of names) {
    const found = treesOf(name);
    if (await clear(found, known)) free ??= found;
    else left.push(found);
  }
  if (free === null)
    throw new GleanerError(
      "LAUNCH",
      `processes of ${left.length} executors hang in the kernel of this node and cannot be killed: reboot the node`,
    );
  const hung = new HungCgroups(left);
  try {
    return { containment: new CgroupContainment(free), hung };
  } catch (thrown) {
    explain(`cgroups cannot be created: ${messageOf(thrown)}`);
    return { containment: processGroups, hung };
  }
}

class CgroupContainment implements Containment {
  readonly kind: ContainmentKind;
  readonly killFile: string;
  private readonly trees: readonly Tree[];
  private readonly pool = new GroupPool((path) => void this.removeSlot(path));
  /** This process's own group. */
  private readonly ownProcs: string;
  private rehearsal = Promise.resolve();
  private isClosed = false;
  private slots = 0;

  constructor(private readonly found: Trees) {
    const { kind, trees } = found;
    const killTree = trees.find((tree) => tree.kills)!;
    this.kind = kind;
    this.trees = trees;
    this.killFile = join(killTree.nodeGroup, "cgroup.kill");
    this.ownProcs = join(killTree.nodeGroup, "self", "cgroup.procs");
    try {
      for (const tree of trees) tree.make("work");
      found.cpus.open();
      killTree.make("self");
      if (!existsSync(this.killFile)) throw new Error(`${this.killFile} needs Linux 5.14`);
      writeFileSync(this.ownProcs, String(process.pid));
      this.hurry(false); // an executor killed during an eviction left it urgent
    } catch (thrown) {
      void this.close();
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
    const slot = this.openSlot(limits, need);
    const { trees, cpus, limitProcesses } = this.found;
    try {
      return new CgroupOfAttempt(trees, cpus.joinFile, name, slot, {
        maxPolledProcesses: limitProcesses ? null : polledProcessesOfFunction(cores),
        closesGpus: denied !== null && trees.some((tree) => tree.closesDevices),
      });
    } catch (thrown) {
      slot.remove();
      throw thrown;
    }
  }

  /** A group with these limits in each tree. */
  private openSlot(limits: Limits, need: Resources): Slot {
    const { memoryMb } = limits;
    const likeness = JSON.stringify([limits, need.gpus]);
    const path = this.pool.take(likeness) ?? this.makeSlot(limits, need);
    const mostBytes = memoryMb * bytesPerMb * leftShare;
    const isClean = () =>
      this.trees.every((tree) => !tree.limits || tree.usedMemory(path) <= mostBytes);
    return {
      path,
      keep: () => isClean() && this.pool.put(likeness, path),
      remove: () => this.removeSlot(path),
    };
  }

  private makeSlot(limits: Limits, need: Resources): string {
    const path = join("work", groupName(`slot-${++this.slots}`, need));
    try {
      for (const tree of this.trees) {
        tree.make(path);
        if (tree.limits) tree.limit(path, limits);
      }
    } catch (thrown) {
      this.removeSlot(path);
      throw thrown;
    }
    return path;
  }

  /** The killing tree comes first: as long as something is in it, all of them stay. */
  private removeSlot(path: string): boolean {
    const trees = this.trees.toSorted((left, right) => Number(right.kills) - Number(left.kills));
    for (const { kills, nodeGroup } of trees) {
      const isRemoved = attempt(() => removeGroups(join(nodeGroup, path)));
      if (kills && !isRemoved) return false;
    }
    return true;
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
    // Includes the group above ours, whose weight counts against the rest of the node.
    for (const tree of this.trees)
      for (const path of ["..", "", "work"]) attempt(() => tree.hurry(path, isUrgent));
  }

  rehearseMove(): Promise<void> {
    if (!this.isClosed) this.rehearsal = writeFile(this.ownProcs, String(process.pid));
    return this.rehearsal;
  }

  async close(): Promise<void> {
    const { cpus } = this.found;
    this.isClosed = true;
    await this.rehearsal.catch(() => {}); // whoever asked for it hears of that
    // A group above must take us back before ours can be removed; the root always may.
    for (const { kills, rootProcs } of this.trees)
      if (kills) attempt(() => writeFileSync(rootProcs, String(process.pid)));
    attempt(() => cpus.leave());
    const groups = [...this.trees.map(({ nodeGroup }) => nodeGroup), cpus.nodeGroup];
    for (const group of groups) if (group !== null) await removeReleased(group);
  }
}

/** The kernel may still release processes that have ended; what hangs is left where it is. */
async function removeReleased(group: string): Promise<void> {
  const startedMs = monotonicMs();
  let hangsSinceMs: number | null = null;
  while (!attempt(() => removeGroups(group))) {
    const atMs = monotonicMs();
    hangsSinceMs = processesIn(group).some(hangs) ? (hangsSinceMs ?? atMs) : null;
    const hasHung = hangsSinceMs !== null && atMs - hangsSinceMs > releaseMs;
    if (hasHung || atMs - startedMs > emptyMs) return;
    await pause(emptyPollMs);
  }
}

/**
 * Kills what a dead executor left and removes its groups; returns false if all that is left hangs
 * in the kernel.
 */
async function clear(found: Trees, known: Known): Promise<boolean> {
  const left = found.trees.find((tree) => tree.kills)!.nodeGroup;
  if (existsSync(join(left, "cgroup.kill"))) {
    writeFileSync(join(left, "cgroup.kill"), "1");
    const processes = () => (isEmptyGroup(left) ? null : processesIn(left));
    const end = await endOfKilled({ processes, hangs, known });
    if (end === "hangs") return false;
    if (end === "lives")
      throw new GleanerError("LAUNCH", `processes in ${left} do not exit after SIGKILL`);
  }
  removeTrees(found);
  return true;
}
