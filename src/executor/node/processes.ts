// Reads /proc to identify processes, and kills a process that is identified by more than its pid.

import { readFileSync } from "node:fs";
import { errorCodeOf } from "../../model/errors.js";
import { hasEnded, type ProcessStat, parseProcessStat } from "../../model/process-stat.js";

/** The kernel may reuse a pid; together with the start time it is unique. */
export interface ProcessName {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks from boot to the start. */
  readonly startTicks: string;
}

/** null if there is no such process. */
export function readProcessStat(pid: number): ProcessStat | null {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return null;
  }
}

/** null if there is no such process, or only its zombie. */
export function startTicksOf(pid: number): string | null {
  const stat = readProcessStat(pid);
  return stat === null || hasEnded(stat) ? null : stat.startTicks;
}

export const isAlive = (name: ProcessName): boolean => startTicksOf(name.pid) === name.startTicks;

/** Sends SIGKILL to a process group; does nothing if it is gone. */
export function killGroupOf(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (thrown) {
    if (errorCodeOf(thrown) !== "ESRCH") throw thrown;
  }
}
