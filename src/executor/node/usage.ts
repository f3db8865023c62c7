// What a worker has used so far, as the kernel counts it: calls are measured from outside.

import { readFileSync } from "node:fs";

/** USER_HZ is 100 on every architecture that Linux supports with Node. */
const msPerTick = 10;
const userTimeField = 11;

/** The time of all its threads and of the children that it waited for; 0 if it has ended. */
export function cpuMsOf(pid: number): number {
  const stat = read(pid, "stat");
  // The name may contain anything, also a closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(userTimeField, userTimeField + 4).map(Number);
  return ticks.reduce((sum, each) => sum + each, 0) * msPerTick;
}

/** The most memory that the process has had at once; 0 if it has ended. */
export function peakMbOf(pid: number): number {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(read(pid, "status"));
  return peak === null ? 0 : Math.ceil(Number(peak[1]) / 1_024);
}

function read(pid: number, file: "stat" | "status"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
