// Whether the node has memory left, whatever Slurm counts.

import { readFileSync } from "node:fs";

/** Less than this executor and a small function take. */
const leastAvailableMb = 128;

/** Whether the kernel could not give this much now, beside what this executor takes. */
export function isNodeShortOf(memoryMb: number, file = "/proc/meminfo"): boolean {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync(file, "latin1"));
  return available !== null && Number(available[1]) < (memoryMb + leastAvailableMb) * 1_024;
}
