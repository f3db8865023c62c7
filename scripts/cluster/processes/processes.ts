// Finds the processes of a cluster in /proc, and ends them all.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { errorCodeOf, GleanerError } from "../../../src/model/errors.js";
import { hasEnded, parseProcessStat } from "../../../src/model/process-stat.js";
import type { ClusterFolder } from "../folder.js";
import { until } from "../until.js";

export interface ClusterProcess {
  pid: number;
  parentPid: number;
  /**
   * Clock ticks from boot to the start of the process: together with the pid it identifies a
   * process for good.
   */
  startTicks: string;
  /** The program's file name, such as "slurmd"; empty for kernel threads. */
  program: string;
  args: string[];
}

const daemonPrograms = new Set(["munged", "slurmctld", "slurmd", "slurmstepd"]);
/**
 * gleanerd and its executors, whose arguments name files in the cluster's folder; functions descend
 * from these.
 */
const gleanerPrograms = new Set(["node", "glean-spawn"]);
const clientPrograms = new Set(["srun", "salloc", "sbatch", "scontrol", "squeue", "sinfo"]);
/**
 * A killed process is gone at once, unless it hangs in the kernel; this is how long to wait for
 * that one.
 */
const KILL_DEADLINE_MS = 20_000;
/**
 * Each round of freezing finds processes born during the previous one; two or three rounds are
 * usual.
 */
const MAX_FREEZE_ROUNDS = 50;

/**
 * All processes of the cluster: its daemons (also slurmstepd), its clients, the processes of its
 * jobs, programs whose home is in its folder, and the descendants of all these. Each is identified
 * by its own arguments and environment, never by a recorded pid: a pid file may be missing, stale,
 * or name an unrelated process by now. This process and its ancestors are never among them.
 */
export function findProcesses(folder: ClusterFolder): ClusterProcess[] {
  const all = new Map<number, ClusterProcess>();
  for (const entry of readdirSync("/proc")) {
    const found = /^\d+$/.test(entry) ? readProcess(Number(entry)) : undefined;
    if (found) all.set(found.pid, found);
  }
  const ours = new Set<number>();
  for (let pid = process.pid; pid > 0; pid = all.get(pid)?.parentPid ?? 0) ours.add(pid);
  const members = new Map<number, boolean>();
  const isMember = (pid: number): boolean => {
    const known = members.get(pid);
    if (known !== undefined) return known;
    const candidate = all.get(pid);
    const member =
      candidate !== undefined &&
      !ours.has(pid) &&
      (belongs(candidate, folder) || isMember(candidate.parentPid));
    members.set(pid, member);
    return member;
  };
  return [...all.values()].filter(({ pid }) => isMember(pid));
}

/**
 * Ends every process of the cluster and waits until they are gone; does nothing if there are none.
 * A process of the lowest priority that dies on a busy machine holds its folders for long, and who
 * removes them meanwhile would keep a processor busy in the kernel until it is gone.
 * They are stopped first and killed only when no new ones turn up: killing one by one would orphan
 * what a job just started. None is asked to exit by itself, because everything that they could save
 * is in the folder, which is removed with them.
 */
export async function stopProcesses(folder: ClusterFolder): Promise<void> {
  const frozen = new Map<string, ClusterProcess>();
  for (let round = 0; round < MAX_FREEZE_ROUNDS; round++) {
    const fresh = findProcesses(folder).filter((found) => !frozen.has(identity(found)));
    if (fresh.length === 0) break;
    for (const found of fresh) {
      frozen.set(identity(found), found);
      signal(found, "SIGSTOP");
    }
  }
  for (const found of frozen.values()) signal(found, "SIGKILL");
  let left: ClusterProcess[] = [];
  await until(
    KILL_DEADLINE_MS,
    () => {
      const fresh = findProcesses(folder).filter((found) => !frozen.has(identity(found)));
      for (const found of fresh) signal(found, "SIGKILL");
      left = [...[...frozen.values()].filter(isThere), ...fresh];
      return left.length === 0 ? true : undefined;
    },
    () =>
      new GleanerError(
        "SLURM",
        `Processes of the cluster in ${folder.dir} do not die: ${left.map(({ pid, program }) => `${program} ${pid}`).join(", ")}.`,
      ),
  );
}

function belongs(candidate: ClusterProcess, folder: ClusterFolder): boolean {
  const inside = (text: string) => text.includes(`${folder.dir}/`);
  const slurmConf = `SLURM_CONF=${folder.slurmConf}`;
  const gleaner = (text: string) => text.includes(`${folder.gleaner}/`);
  if (gleanerPrograms.has(candidate.program) && candidate.args.some(gleaner)) return true;
  const environment = readWords(candidate.pid, "environ");
  if (daemonPrograms.has(candidate.program)) {
    return (
      candidate.args.some(inside) ||
      environment.includes(slurmConf) ||
      // daemons that wrote a title over their arguments and environment
      openFiles(candidate.pid).some(inside)
    );
  }
  if (!environment.includes(slurmConf)) return false;
  // A workflow manager of a benchmark has its home in the folder.
  const marks = ["SLURM_JOB_ID=", `HOME=${folder.dir}/`];
  return (
    clientPrograms.has(candidate.program) ||
    environment.some((word) => marks.some((mark) => word.startsWith(mark)))
  );
}

/** One process, or undefined if it has ended (like a zombie). */
export function readProcess(pid: number): ClusterProcess | undefined {
  try {
    const stat = parseProcessStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
    if (stat === null || hasEnded(stat)) return undefined;
    return {
      pid,
      parentPid: stat.parentPid,
      startTicks: stat.startTicks,
      program: readProgram(pid),
      args: readWords(pid, "cmdline"),
    };
  } catch {
    return undefined;
  }
}

/** The file name of the program; Debian's slurmd is a link to slurmd-wlm. */
function readProgram(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)).replace(/(-wlm)?( \(deleted\))?$/, "");
  } catch {
    return "";
  }
}

function readWords(pid: number, file: "cmdline" | "environ"): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1").split("\0");
  } catch {
    return []; // ended meanwhile, or another user's
  }
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${name}`);
      } catch {
        return ""; // closed meanwhile
      }
    });
  } catch {
    return [];
  }
}

function identity(found: ClusterProcess): string {
  return `${found.pid}:${found.startTicks}`;
}

/** Also while it is dying, when it has neither arguments nor environment any more. */
const isThere = ({ pid, startTicks }: ClusterProcess): boolean =>
  readProcess(pid)?.startTicks === startTicks;

/** Signals the process if it is still the same. */
function signal(found: ClusterProcess, name: "SIGSTOP" | "SIGKILL"): void {
  if (!isThere(found)) return;
  try {
    process.kill(found.pid, name);
  } catch (thrown) {
    if (errorCodeOf(thrown) !== "ESRCH") throw thrown;
  }
}
