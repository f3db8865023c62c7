// What lies in the directories that all workers of a parent share, in a mount namespace of theirs:
// the memory of what a dead worker left there belongs to nobody.

import { readlinkSync, statfsSync } from "node:fs";
import { join } from "node:path";

const shared = "/dev/shm";

/** The bytes in them, as a process of the namespace sees it; 0 if that shares the node's. */
export function sharedBytes(pid: number, privateDirectories: readonly string[]): number {
  try {
    if (readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync("/proc/self/ns/mnt")) return 0;
    return [shared, ...privateDirectories]
      .map((directory) => statfsSync(join(`/proc/${pid}/root`, directory)))
      .reduce((sum, { blocks, bfree, bsize }) => sum + (blocks - bfree) * bsize, 0);
  } catch {
    return 0; // it has just ended
  }
}
