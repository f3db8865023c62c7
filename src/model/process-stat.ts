// What the kernel says of a process in /proc/PID/stat, see proc_pid_stat(5).

export interface ProcessStat {
  readonly state: string;
  readonly parentPid: number;
  readonly threads: number;
  /** Clock ticks from boot to its start, in decimal: they and the pid identify it for good. */
  readonly startTicks: string;
  /** As waitpid(2) has it; 0 while it lives, and for those who may not trace it. */
  readonly exitStatus: number;
}

/** Counted from the first field after the name. */
const at = { state: 0, parentPid: 1, threads: 17, startTicks: 19, exitStatus: 49 } as const;

/** Returns null if the text is empty, cut off or otherwise invalid. */
export function parseProcessStat(text: string): ProcessStat | null {
  // The program's name, in parentheses, may contain spaces and parentheses.
  const fields = text
    .slice(text.lastIndexOf(")") + 1)
    .trim()
    .split(" ");
  const startTicks = fields[at.startTicks] ?? "";
  if (!/^\d{1,20}$/.test(startTicks)) return null;
  return {
    state: fields[at.state]!,
    parentPid: Number(fields[at.parentPid]),
    threads: Number(fields[at.threads]),
    startTicks,
    exitStatus: Number(fields[at.exitStatus] ?? 0),
  };
}

/** Its first thread may be a zombie while others still run, or hold what it had. */
export const hasEnded = ({ state, threads }: ProcessStat): boolean =>
  (state === "Z" || state === "X") && threads <= 1;
