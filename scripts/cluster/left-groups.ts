// Removes the cgroups that killed executors of a cluster left: no other executor of these nodes
// comes to do so, and until then they hold what executors of other clusters may need.

import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { removeTrees } from "../../src/executor/containment/cgroup-hung.js";
import { type Trees, treesOf } from "../../src/executor/containment/trees/cgroup-trees.js";
import { groupNamesOf } from "../../src/executor/node/group-names.js";
import { errorCodeOf, GleanerError } from "../../src/model/errors.js";
import { Patience } from "../lib/patience.mjs";

/** The kernel releases processes a moment after their end. */
const releaseMs = 10_000;
const pollMs = 50;

/** What hangs in the kernel keeps its groups. */
export async function removeLeftGroups(runDirectory: string, nodes: readonly string[]) {
  if (!existsSync(runDirectory)) return;
  const patience = new Patience(releaseMs);
  const all = nodes.flatMap((node) => groupNamesOf(runDirectory, node)).flatMap(treesThere);
  let left = all.filter(isHeld);
  while (left.length > 0 && !patience.isOver) {
    await pause(pollMs);
    left = left.filter(isHeld);
  }
}

/** None on a machine without cgroups. */
function treesThere(name: string): Trees[] {
  try {
    const found = treesOf(name);
    const groups = [...found.trees.map(({ nodeGroup }) => nodeGroup), found.cpus.nodeGroup];
    return groups.some((group) => group !== null && existsSync(group)) ? [found] : [];
  } catch (thrown) {
    if (thrown instanceof GleanerError && thrown.code === "LAUNCH") return [];
    throw thrown;
  }
}

/** Removes it unless something is in it. */
function isHeld(groups: Trees): boolean {
  try {
    removeTrees(groups);
    return false;
  } catch (thrown) {
    if (errorCodeOf(thrown) === "EBUSY") return true;
    throw thrown;
  }
}
