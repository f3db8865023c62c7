// The file in which an executor says which process it is, and what /proc says of that process.

import type { ExecutorId, NodeName } from "../model/ids.js";

/** A pid alone may be somebody else's by now; with the start time it names one process for good. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process, as in field 22 of /proc/PID/stat. */
  readonly startTicks: string;
  /** null: the file names no executor. */
  readonly executor: string | null;
}

/** The file holds three short lines and a stat line has fifty numbers; more is not read. */
export const maxMarkBytes = 4_096;

/** Where the executor of a node writes its mark. */
export function processMarkFile(runDirectory: string, node: NodeName): string {
  return `${runDirectory}/${node}/executor.pid`;
}

/** Where the executor of a node writes its output. */
export function executorLogFile(logDirectory: string, node: NodeName): string {
  return `${logDirectory}/executor-${node}.log`;
}

/** Reads the lines `pid=`, `startTicks=` and `executor=` (which may be missing); null when they make no sense. */
export function parseProcessMark(text: string): ProcessMark | null {
  const pid = /^pid=([1-9]\d{0,9})$/m.exec(text)?.[1];
  const startTicks = /^startTicks=(\d{1,20})$/m.exec(text)?.[1];
  const executor = /^executor=(\S{1,128})$/m.exec(text)?.[1] ?? null;
  return pid === undefined || startTicks === undefined
    ? null
    : { pid: Number(pid), startTicks, executor };
}

/** The start time of a live process from its /proc/PID/stat; null for a dead one (a zombie is) and for nonsense. */
export function startTicksOf(stat: string): string | null {
  // The program's name comes second, in brackets, and may itself hold spaces and brackets.
  const fields = stat
    .slice(stat.lastIndexOf(")") + 1)
    .trim()
    .split(" ");
  const startTicks = fields[19];
  if (fields[0] === "Z" || fields[0] === "X" || startTicks === undefined) return null;
  return /^\d{1,20}$/.test(startTicks) ? startTicks : null;
}

/** Whether the mark is of this executor and its process, whose /proc/PID/stat was read, still is the one it names. */
export function isRunning(mark: ProcessMark, executor: ExecutorId, stat: string): boolean {
  if (mark.executor !== null && mark.executor !== executor) return false;
  return startTicksOf(stat) === mark.startTicks;
}
