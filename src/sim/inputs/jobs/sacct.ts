// Reads a dump of `sacct -P` as jobs, with or without its header line.

import { counted } from "../../../model/counted.js";
import { Skipped, Unusable } from "../../site/notes.js";
import type { Trace } from "../../site/trace.js";
import type { Lines } from "../lines.js";
import type { WindowWish } from "../window.js";
import { traceOfJobs } from "./jobs.js";
import type { LoggedJob, MachineWish } from "./logged-job.js";
import { Columns, columnsInHeader, columnsWithoutHeader } from "./sacct-columns.js";
import { NodeLists, type Notices, parseJob } from "./sacct-job.js";

/**
 * The trace of a dump. `fields` names the columns (as in `sacct -o`) if there is no header; null
 * stands for XDMoD's order, if the count matches. A header always counts. Steps are omitted; jobs
 * that never started are noted. Times are taken as UTC. Throws BAD_REQUEST, naming the field, if a
 * required one is missing, or if nothing is left.
 */
export async function readSacct(
  lines: Lines,
  wish: MachineWish,
  fields: readonly string[] | null,
  window: WindowWish,
): Promise<Trace> {
  const dump = new Dump(fields);
  for await (const line of lines) dump.add(line);
  const log = { jobs: dump.jobs, skipped: dump.skipped, remarks: dump.remarks(), isPart: true };
  return traceOfJobs(log, wish, window);
}

class Dump {
  readonly jobs: LoggedJob[] = [];
  readonly skipped = new Skipped();
  private columns: Columns | null;
  private readonly nodeLists = new NodeLists();
  private readonly notices: Notices = { running: 0, byElapsed: 0, suspended: 0 };
  private readonly known = new Map<string, number>();
  private readonly clusters = new Set<string>();
  private neverStarted = 0;
  private repeated = 0;
  private number = 0;

  constructor(fields: readonly string[] | null) {
    this.columns = fields === null ? null : new Columns(fields);
  }

  add(line: string): void {
    this.number++;
    if (line.trim() === "") return;
    const header = columnsInHeader(line, this.columns);
    if (header !== null) {
      this.columns = header;
      return;
    }
    this.columns ??= columnsWithoutHeader(line);
    const values = this.columns.split(line);
    const problem = this.columns.problem(values);
    if (problem !== null) {
      this.skipped.add(problem, this.number);
      return;
    }
    const job = parseJob(values, this.columns, this.number, this.nodeLists, this.notices);
    if (job === "step") return;
    if (job === "never started") this.neverStarted++;
    else if (job instanceof Unusable) this.skipped.add(job.reason, this.number, job.column);
    else this.keep(job, values, this.columns);
  }

  /** Dumps of consecutive days that were put together have a job once for each day. */
  private keep(job: LoggedJob, values: readonly string[], columns: Columns): void {
    const id = columns.of("JobIDRaw", values) || columns.of("JobID", values);
    const cluster = columns.of("Cluster", values);
    this.clusters.add(cluster);
    const key = `${cluster}/${id}/${job.fromMs}`;
    const before = id === "" ? undefined : this.known.get(key);
    if (before === undefined) {
      if (id !== "") this.known.set(key, this.jobs.length);
      this.jobs.push(job);
      return;
    }
    this.repeated++;
    // The later record knows the end, if one does.
    if (Number.isFinite(job.toMs) || !Number.isFinite(this.jobs[before]!.toMs))
      this.jobs[before] = job;
  }

  remarks(): string[] {
    const { running, byElapsed, suspended } = this.notices;
    const hasIds = this.columns?.has("JobID") || this.columns?.has("JobIDRaw");
    const of = (count: number, sentence: string) =>
      count > 0 ? [`${counted(count, "job")} ${sentence}`] : [];
    return [
      ...of(this.neverStarted, "never started"),
      ...of(running, "had no end yet: taken as running until the end of the window"),
      ...of(this.repeated, "listed again with the same start: counted once"),
      ...of(
        byElapsed,
        "ran while the clock changed: their end is the start plus Elapsed; TZ=UTC sacct … avoids this",
      ),
      ...of(
        suspended,
        "ran for a shorter time than from start to end: while a job was suspended, its cores count as in use",
      ),
      ...(this.clusters.size > 1
        ? [
            `the dump has jobs of ${this.clusters.size} clusters: nodes of the same name count as one; choose one with sacct -M`,
          ]
        : []),
      ...(hasIds || this.columns === null
        ? []
        : ["the dump has no JobID: if it has steps (sacct without -X), they count as jobs"]),
    ];
  }
}
