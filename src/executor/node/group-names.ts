// The names of a node's cgroups. The hook finds an executor by them when the node's folder does not
// say where it is (slurm-plugin/kill/node_group.c has the same names).

import { realpathSync } from "node:fs";
import { join } from "node:path";

/**
 * Functions hang repeatedly where a file server is gone: at most this many executors of a node lose
 * their groups at a time.
 */
const maxHungGroups = 15;

/**
 * In the order in which executors take them. They tell clusters on one machine from each other by
 * their run directories, which exist.
 */
export function groupNamesOf(runDirectory: string, node: string): readonly string[] {
  const first = join("gleaner", `${hashOf(realpathSync(runDirectory))}-${node}`);
  const others = Array.from({ length: maxHungGroups }, (_, index) => `${first}~${index + 1}`);
  return [first, ...others];
}

/** FNV-1a. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
