// Finds the cgroups of Slurm's batch jobs: named by job id, or from 26.05 on by SLUID, which the
// step's own slurmstepd reveals.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type JobId, jobId } from "../../model/ids.js";

/** As Slurm prints it (src/common/sluid.c): `s`, then 13 digits in Crockford's base 32. */
const sluid = /^s[0-9A-HJKMNP-TV-Z]{13}$/;
/**
 * The process title of slurmstepd: `slurmstepd: [123.batch]`, or `[123+1.0]` for part of a
 * heterogeneous job.
 */
const stepTitle = /^slurmstepd: \[(\d{1,10})[.+]/;

export class JobGroups {
  /**
   * Folders named by SLUID whose job is known; a SLUID always stands for the same run of one job.
   */
  private jobs = new Map<string, JobId>();

  constructor(
    /** %j is the job's id, %s its SLUID, %n the node. */
    private readonly patterns: readonly string[],
    private readonly node: string,
    private readonly groupRoot = "",
    private readonly procRoot = "/proc",
  ) {}

  /** The folders that may be each job's cgroup. */
  foldersOf(jobs: Iterable<JobId>): ReadonlyMap<JobId, readonly string[]> {
    const folders = new Map<JobId, string[]>([...jobs].map((job) => [job, []]));
    const known = new Map<string, JobId>();
    for (const pattern of this.patterns) {
      const path = join(this.groupRoot, pattern.replaceAll("%n", this.node));
      if (basename(path) !== "%s") {
        for (const [job, found] of folders) found.push(path.replaceAll("%j", String(job)));
        continue;
      }
      for (const name of namesIn(dirname(path)).filter((each) => sluid.test(each))) {
        const folder = join(dirname(path), name);
        const job = this.jobs.get(folder) ?? this.jobOf(folder);
        if (job === null) continue;
        known.set(folder, job);
        folders.get(job)?.push(folder);
      }
    }
    this.jobs = known;
    return folders;
  }

  /** Found through the slurmstepd of any of its steps; null if none has come yet. */
  private jobOf(folder: string): JobId | null {
    for (const step of namesIn(folder).filter((name) => name.startsWith("step_")))
      for (const pid of pidsIn(join(folder, step, "slurm/cgroup.procs"))) {
        const title = this.titleOf(pid);
        const [, id] = stepTitle.exec(title) ?? [];
        if (id !== undefined) return jobId(Number(id));
      }
    return null;
  }

  /** Only root's processes are trusted to name themselves. */
  private titleOf(pid: string): string {
    const folder = join(this.procRoot, pid);
    try {
      return statSync(folder).uid === 0 ? readFileSync(join(folder, "cmdline"), "latin1") : "";
    } catch {
      return ""; // it has ended
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no job, or another release of Slurm
  }
}

function pidsIn(file: string): string[] {
  try {
    return readFileSync(file, "latin1").match(/\d+/g) ?? [];
  } catch {
    return [];
  }
}
