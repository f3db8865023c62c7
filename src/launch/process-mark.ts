// Reads the file in which an executor identifies its process, and that process's stat in /proc.

import type { ExecutorId, NodeName } from "../model/ids.js";
import { hasEnded, parseProcessStat } from "../model/process-stat.js";

/** Pids are reused; the start time makes the identity unique. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process, as in field 22 of /proc/PID/stat. */
  readonly startTicks: string;
  /** null if the file names no executor. */
  readonly executor: string | null;
}

/** Enough for the three short lines of the file and the fifty numbers of a stat line. */
export const maxMarkBytes = 4_096;

/** Returns the path of a node's mark. */
export function processMarkFile(runDirectory: string, node: NodeName): string {
  return `${runDirectory}/${node}/executor.pid`;
}

/** Returns the path of a node's log. */
export function executorLogFile(logDirectory: string, node: NodeName): string {
  return `${logDirectory}/executor-${node}.log`;
}

/** Reads the lines `pid=`, `startTicks=` and, if present, `executor=`; null if invalid. */
export function parseProcessMark(text: string): ProcessMark | null {
  const pid = /^pid=([1-9]\d{0,9})$/m.exec(text)?.[1];
  const startTicks = /^startTicks=(\d{1,20})$/m.exec(text)?.[1];
  const executor = /^executor=(\S{1,128})$/m.exec(text)?.[1] ?? null;
  return pid === undefined || startTicks === undefined
    ? null
    : { pid: Number(pid), startTicks, executor };
}

/**
 * Reads a process's start time from its stat; null if it is dead, a zombie, or the text invalid.
 */
export function startTicksOf(stat: string): string | null {
  const parsed = parseProcessStat(stat);
  return parsed === null || hasEnded(parsed) ? null : parsed.startTicks;
}

/** Whether the mark belongs to this executor and to the process whose stat was read. */
export function isRunning(mark: ProcessMark, executor: ExecutorId, stat: string): boolean {
  if (mark.executor !== null && mark.executor !== executor) return false;
  return startTicksOf(stat) === mark.startTicks;
}
