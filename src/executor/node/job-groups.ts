// Where Slurm has the cgroups of its batch jobs: named by job id, or from 26.05 on by SLUID, which is told by the step's own slurmstepd.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type JobId, jobId } from "../../model/ids.js";

/** As Slurm prints it (src/common/sluid.c): `s`, then 13 digits of Crockford's base 32. */
const sluid = /^s[0-9A-HJKMNP-TV-Z]{13}$/;
/** What slurmstepd calls itself: `slurmstepd: [123.batch]`, of a part of a heterogeneous job `[123+1.0]`. */
const stepTitle = /^slurmstepd: \[(\d{1,10})[.+]/;

export class JobGroups {
  /** Of folders that are named by SLUID, whose job is known; a SLUID is one run of one job for ever. */
  private jobs = new Map<string, JobId>();

  constructor(
    /** %j: the job's id; %s: its SLUID; %n: the node. */
    private readonly patterns: readonly string[],
    private readonly node: string,
    private readonly groupRoot = "",
    private readonly procRoot = "/proc",
  ) {}

  /** The folders of each job's cgroup that may be there. */
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

  /** By the slurmstepd of any of its steps; null: none has come yet. */
  private jobOf(folder: string): JobId | null {
    for (const step of namesIn(folder).filter((name) => name.startsWith("step_")))
      for (const pid of pidsIn(join(folder, step, "slurm/cgroup.procs"))) {
        const title = this.titleOf(pid);
        const [, id] = stepTitle.exec(title) ?? [];
        if (id !== undefined) return jobId(Number(id));
      }
    return null;
  }

  /** Only root's processes are believed what they call themselves. */
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
