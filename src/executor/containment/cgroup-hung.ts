// Keeps the groups of functions that hang in the kernel, under names that record the resources of
// each.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Resources } from "../../model/resources.js";
import { isEmptyGroup, processesIn, removeGroups } from "./cgroup-files.js";
import type { Trees } from "./trees/cgroup-trees.js";
import type { HungAttempt, HungGroups } from "./unkillable.js";

/** The name outlives the executor that knew the attempt's resources. */
export const groupName = (name: string, { cores, memoryMb, gpus }: Resources): string =>
  `${name}@${cores}c${memoryMb}m${gpus.join(",")}`;

export function resourcesOf(groupName: string): Resources | null {
  const parts = /@(\d{1,6})c(\d{1,9})m((?:\d{1,2},?)*)$/.exec(groupName);
  if (parts === null) return null;
  const gpus = parts[3]! === "" ? [] : parts[3]!.split(",").map(Number);
  return { cores: Number(parts[1]), memoryMb: Number(parts[2]), gpus };
}

export class HungCgroups implements HungGroups {
  /** `left` are the groups of dead executors whose processes could not be killed. */
  constructor(private left: readonly Trees[]) {}

  look(): readonly HungAttempt[] {
    this.left = this.left.filter((each) => !isGone(each));
    return this.left.flatMap((each) => attemptsIn(join(killTreeOf(each).nodeGroup, "work")));
  }
}

const killTreeOf = ({ trees }: Trees) => trees.find((tree) => tree.kills)!;

/** Removes it once it is empty. */
function isGone(found: Trees): boolean {
  if (!isEmptyGroup(killTreeOf(found).nodeGroup)) return false;
  removeTrees(found);
  return true;
}

/** Throws EBUSY while anything is in them. */
export function removeTrees({ trees, cpus }: Trees): void {
  for (const tree of trees) removeGroups(tree.nodeGroup);
  if (cpus.nodeGroup !== null) removeGroups(cpus.nodeGroup);
}

/** A group that hangs has another in it, which is named after the attempt. */
export const nameHung = (directory: string, attempt: string): void =>
  void mkdirSync(join(directory, attempt), { recursive: true });

/** undefined if its executor did not live to see that it hangs. */
const attemptOf = (directory: string): string | undefined =>
  groupsIn(directory).find((name) => /^\d+\.\d+$/.test(name));

function groupsIn(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return []; // it is gone, or only the executor itself hung
  }
}

function attemptsIn(directory: string): HungAttempt[] {
  return groupsIn(directory).flatMap((name) => {
    const held = resourcesOf(name);
    // With version 2, an executor of 0.2 had an attempt's group inside the one that limits it.
    if (held === null) return attemptsIn(join(directory, name));
    const pids = processesIn(join(directory, name));
    return pids.length === 0
      ? []
      : [{ name: attemptOf(join(directory, name)) ?? name, held, pids }];
  });
}
