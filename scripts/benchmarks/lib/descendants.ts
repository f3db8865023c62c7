// Finds processes by a variable that they inherited, also in sessions of their own.

import { readdirSync, readFileSync } from "node:fs";

/** Kills all processes whose environment began with `assignment`, such as "NAME=value". */
export function killAllWith(assignment: string): void {
  for (const name of readdirSync("/proc"))
    if (/^\d+$/.test(name) && environmentOf(name).includes(assignment)) kill(Number(name));
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return []; // it has ended, or is another user's
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
