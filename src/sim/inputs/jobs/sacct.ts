// Reads a dump of `sacct -P` as jobs, with or without its header line.

import { counted } from "../../../model/counted.js";
import { Skipped, Unusable } from "../../site/notes.js";
import type { Trace } from "../../site/trace.js";
import type { Lines } from "../lines.js";
import type { WindowWish } from "../window.js";
import { traceOfJobs } from "./jobs.js";
import type { LoggedJob, MachineWish } from "./logged-job.js";
import { Columns, columnsByFirstLine } from "./sacct-columns.js";
import { NodeLists, type Notices, parseJob } from "./sacct-job.js";

/**
 * The trace of a dump. `fields` names the columns (as in `sacct -o`); null takes them from the
 * header, or XDMoD's order if there is none and the count matches. Steps are omitted; jobs that
 * never started are noted. Times are taken as UTC. Throws BAD_REQUEST, naming the field, if a
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
  private readonly notices: Notices = { running: 0, byElapsed: 0 };
  private readonly known = new Map<string, number>();
  private neverStarted = 0;
  private repeated = 0;
  private number = 0;

  constructor(fields: readonly string[] | null) {
    this.columns = fields === null ? null : new Columns(fields);
  }

  add(line: string): void {
    this.number++;
    if (line.trim() === "") return;
    if (this.columns === null) {
      const { columns, isHeader } = columnsByFirstLine(line);
      this.columns = columns;
      if (isHeader) return;
    }
    const values = line.split("|");
    if (this.columns.isHeader(values)) return;
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
    const key = `${columns.of("Cluster", values)}/${id}/${job.fromMs}`;
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
    const { running, byElapsed } = this.notices;
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
      ...(hasIds || this.columns === null
        ? []
        : ["the dump has no JobID: if it has steps (sacct without -X), they count as jobs"]),
    ];
  }
}
