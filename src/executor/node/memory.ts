// Whether the node has memory left, whatever Slurm counts.

import { readFileSync } from "node:fs";

/** Less than this executor and a small function take. */
const leastAvailableMb = 128;

/** What the kernel could give without killing anything. */
export function isNodeFull(file = "/proc/meminfo"): boolean {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync(file, "latin1"));
  return available !== null && Number(available[1]) < leastAvailableMb * 1_024;
}
