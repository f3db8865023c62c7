// What /proc says of a process, and ending one that is known by more than its pid.

import { readFileSync } from "node:fs";

/** A pid alone may have been given to another process; with its start it is unique. */
export interface ProcessName {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks from boot to the start. */
  readonly startTicks: string;
}

/** null: there is no such process, or only its zombie. */
export function startTicksOf(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // The program's name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
}

export const isAlive = (name: ProcessName): boolean => startTicksOf(name.pid) === name.startTicks;

/** SIGKILL to a process group; one that is gone is fine. */
export function killGroupOf(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}
