// What a batch job gets of the shell that submits it, besides its variables: umask and soft limits.

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { cwd, ppid } from "node:process";

/** Rows of /proc/PID/limits, by the names of the limits that sbatch propagates. */
const rows = {
  cpu: "Max cpu time",
  fsize: "Max file size",
  data: "Max data size",
  stack: "Max stack size",
  rss: "Max resident set",
  nproc: "Max processes",
  nofile: "Max open files",
  memlock: "Max locked memory",
  as: "Max address space",
} as const;
type LimitName = keyof typeof rows;

export interface Shell {
  readonly submitHost: string;
  readonly submitDirectory: string;
  readonly umask: number;
  /** Soft limits, as in `stack:unlimited`. */
  readonly limits: string[];
}

/** `propagate`: as sbatch's `--propagate`; null for all limits. */
export function readShell(propagate: readonly string[] | null): Shell {
  return {
    submitHost: hostname(),
    submitDirectory: cwd(),
    umask: process.umask(),
    limits: softLimits(propagate),
  };
}

/**
 * Node raises its own number of open files to the hard limit when it starts, so that one is read
 * from the shell's process. A limit that cannot be read is the node's.
 */
function softLimits(propagate: readonly string[] | null): string[] {
  const own = readText("/proc/self/limits");
  const shells = readText(`/proc/${ppid}/limits`);
  const chosen = (name: LimitName): boolean => propagate === null || propagate.includes(name);
  return (Object.keys(rows) as LimitName[]).filter(chosen).flatMap((name) => {
    const soft = softOf(name === "nofile" ? shells : own, name);
    return soft === null ? [] : [`${name}:${soft}`];
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** More than 15 digits are no limit that anything reaches. */
function softOf(text: string, name: LimitName): string | null {
  const at = text.indexOf(rows[name]);
  const soft = at < 0 ? undefined : /^\s+(\w+)/.exec(text.slice(at + rows[name].length))?.[1];
  if (soft === undefined || !/^(\d+|unlimited)$/.test(soft)) return null;
  return soft.length > 15 ? "unlimited" : soft;
}
