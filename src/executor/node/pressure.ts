// Watches the kernel's pressure figures (PSI) of batch jobs and of the node, and reports values
// above the limits.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { monotonicMs, setTimeout } from "../../clock.js";
import type { PressureLimits, PressureReport } from "../../model/capacity/pressure.js";
import type { JobId } from "../../model/ids.js";
import { JobGroups } from "./job-groups.js";

/** The most jobs of one node checked in one round; a node with more runs many tiny jobs. */
const maxJobs = 256;
/** Older figures do not describe the present: the process was stopped, or the machine slept. */
const maxIntervals = 3;

type Resource = PressureReport["resource"];

interface Sample {
  readonly stalledUs: number;
  readonly atMs: number;
}

/**
 * `some … total=N` of a pressure file, in microseconds; null if this kernel has none (or was booted
 * with psi=0).
 */
export function stalledUsOf(text: string): number | null {
  const match = /^some [^\n]*\btotal=(\d{1,16})$/m.exec(text);
  return match === null ? null : Number(match[1]);
}

/** Reads files below two roots, so that a test can create its own. */
export class PressureReader {
  private samples = new Map<string, Sample>();
  private readonly groups: JobGroups;

  constructor(
    private readonly limits: PressureLimits,
    node: string,
    /**
     * The functions' own version 2 cgroup: the time they wait for each other does not affect jobs.
     * null if there is none.
     */
    private readonly ownGroup: string | null,
    private readonly procRoot = "/proc/pressure",
    groupRoot = "",
  ) {
    this.groups = new JobGroups(limits.jobGroups, node, groupRoot);
  }

  /**
   * The values above a limit since the last round: the worst per resource. Empty without batch jobs
   * or without PSI.
   */
  round(jobs: Iterable<JobId>, atMs: number): PressureReport[] {
    const fresh = new Map<string, Sample>();
    const worst = new Map<Resource, PressureReport>();
    const look = (file: string, job: JobId | null, resource: Resource, limit: number | null) => {
      if (limit === null) return;
      // Reads both every time, for the next round.
      const ofFunctions = job === null ? ownPercent(resource) : 0;
      const all = this.percentOf(file, atMs, fresh);
      if (all === null) return;
      const percent = Math.max(0, all - ofFunctions);
      if (percent <= limit) return;
      const known = worst.get(resource);
      // A job's own figure is more informative than the node's.
      const isWorse = known === undefined || known.job === null || percent > known.percent;
      const { intervalMs } = this.limits;
      if (isWorse) worst.set(resource, { job, resource, percent, limitPercent: limit, intervalMs });
    };
    const ownPercent = (resource: Resource) =>
      this.ownGroup === null
        ? 0
        : (this.percentOf(join(this.ownGroup, `${resource}.pressure`), atMs, fresh) ?? 0);
    const folders = this.groups.foldersOf([...jobs].slice(0, maxJobs));
    for (const [job, groups] of folders)
      for (const group of groups) {
        look(join(group, "cpu.pressure"), job, "cpu", this.limits.jobCpuPercent);
        look(join(group, "memory.pressure"), job, "memory", this.limits.jobMemoryPercent);
      }
    if (folders.size > 0) {
      const of = (resource: Resource) => join(this.procRoot, resource);
      if (!worst.has("cpu")) look(of("cpu"), null, "cpu", this.limits.nodeCpuPercent);
      if (!worst.has("memory")) look(of("memory"), null, "memory", this.limits.nodeMemoryPercent);
    }
    this.samples = fresh;
    return [...worst.values()];
  }

  private percentOf(file: string, atMs: number, fresh: Map<string, Sample>): number | null {
    let stalledUs: number | null;
    try {
      stalledUs = stalledUsOf(readFileSync(file, "latin1"));
    } catch {
      return null; // no such group, or a kernel without PSI
    }
    if (stalledUs === null) return null;
    fresh.set(file, { stalledUs, atMs });
    const before = this.samples.get(file);
    if (before === undefined) return null;
    const elapsedMs = atMs - before.atMs;
    if (elapsedMs <= 0 || elapsedMs > this.limits.intervalMs * maxIntervals) return null;
    const percent = Math.round((stalledUs - before.stalledUs) / elapsedMs / 10);
    return Math.min(100, Math.max(0, percent));
  }
}

/**
 * Checks once per interval while the executor lives, in a turn of the event loop for which nobody
 * waits.
 */
export function watchPressure(
  limits: PressureLimits,
  node: string,
  ownGroup: string | null,
  jobs: () => Iterable<JobId>,
  report: (pressure: PressureReport) => void,
): void {
  const reader = new PressureReader(limits, node, ownGroup);
  const look = () => {
    for (const each of reader.round(jobs(), monotonicMs())) report(each);
    setTimeout(look, limits.intervalMs).unref();
  };
  setTimeout(look, limits.intervalMs).unref();
}
