// Gives a CPU group of version 1 the time that processes need to enter it at real-time priority.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * A kernel with RT_GROUP_SCHED lets glean-spawn's processes enter a group at real-time priority
 * (slurm-plugin/spawn/isolation/spawn_join.h) only if the group has time for that: microseconds of
 * each second. One entry takes less than 50, and a group serves nine attempts a second at most.
 */
const file = "cpu.rt_runtime_us";
const slotUs = 500;
/** The groups above need the sum of those below: they get room for ten at a time. */
const roomUs = 10 * slotUs;
/** The work group of the node, the node's group, and that of all nodes of this machine. */
const levelsAbove = 3;
/** All groups of Gleaner together leave the rest to whatever else runs at that priority. */
const mostUs = 400_000;
/** Another executor of this machine may have taken the room that was made. */
const tries = 3;

/**
 * `slot` is the directory of an attempt's group, three levels below that of all executors. Takes
 * nothing from a group that has more. A group that cannot have it is entered more slowly.
 */
export function giveRealTime(slot: string): void {
  if (!existsSync(join(slot, file)) || timeOf(slot) >= slotUs) return;
  raise(slot, slotUs, levelsAbove);
}

/** Returns false if the groups above may have no more. */
function raise(group: string, byUs: number, levels: number): boolean {
  for (let attempt = 0; attempt < tries; attempt++) {
    const timeUs = timeOf(group) + byUs;
    if (timeUs > mostUs) return false;
    if (give(group, timeUs)) return true;
    if (levels === 0 || !raise(dirname(group), roomUs, levels - 1)) return false;
  }
  return false;
}

function give(group: string, timeUs: number): boolean {
  try {
    writeFileSync(join(group, file), String(timeUs));
    return true;
  } catch {
    return false;
  }
}

const timeOf = (group: string): number => Number(readFileSync(join(group, file), "latin1"));
