// Reads a dump of `sacct -P` as jobs, with or without its header line.

import { expandHostList } from "../../core/hostlist.js";
import { GleanerError } from "../../model/errors.js";
import { Skipped, type Trace } from "../site/trace.js";
import { type LoggedJob, type MachineWish, type NodeShare, traceOfJobs } from "./jobs.js";
import type { Lines } from "./lines.js";

/** The column order that XDMoD asks sites to use for their dumps, which have no header. */
const xdmodFields: readonly string[] =
  "JobID,JobIDRaw,Cluster,Partition,QOS,Account,Group,GID,User,UID,Submit,Eligible,Start,End,Elapsed,ExitCode,State,NNodes,NCPUS,ReqCPUS,ReqMem,ReqTRES,AllocTRES,Timelimit,NodeList,JobName".split(
    ",",
  );
const neededSentence =
  "Start, End and one of AllocCPUS, NCPUS, AllocTRES are required; NodeList says where jobs ran";

type Columns = ReadonlyMap<string, number>;

/**
 * The trace of a dump. `fields` names the columns (as in `sacct -o`); null takes them from the
 * header, or XDMoD's order if there is none and the count matches. Steps are skipped; jobs that
 * never started are noted. Times are taken as UTC. Throws BAD_REQUEST, naming the field, if a
 * required one is missing, or if nothing is left.
 */
export async function readSacct(
  lines: Lines,
  wish: MachineWish,
  fields: readonly string[] | null,
): Promise<Trace> {
  const skipped = new Skipped();
  const jobs: LoggedJob[] = [];
  let neverStarted = 0;
  let columns: Columns | null = fields === null ? null : columnsOf(fields);
  for await (const line of lines) {
    if (line.trim() === "") continue;
    const values = line.split("|");
    if (columns === null) {
      const isHeader = values.some((value) => /^(JobID|JobIDRaw|Start|End)$/i.test(value));
      columns = columnsOf(isHeader ? values : guessedFields(values));
      if (isHeader) continue;
    } else if (/^start$/i.test(columnValue("start", values, columns))) continue;
    const job = parseJob(values, columns);
    if (job === "step") continue;
    if (job === "never started") neverStarted++;
    else if (typeof job === "string") skipped.add(job);
    else jobs.push(job);
  }
  const remarks = neverStarted > 0 ? [`${neverStarted} jobs never started`] : [];
  return traceOfJobs(jobs, wish, skipped, remarks);
}

function guessedFields(values: readonly string[]): readonly string[] {
  if (values.length === xdmodFields.length) return xdmodFields;
  throw new GleanerError(
    "BAD_REQUEST",
    `the dump has no header and ${values.length} fields: name them with --fields as sacct -o does; ${neededSentence}`,
  );
}

function columnsOf(names: readonly string[]): Columns {
  const columns = new Map<string, number>();
  for (const [index, name] of names.entries()) columns.set(name.trim().toLowerCase(), index);
  const missing = ["Start", "End"].filter((name) => !columns.has(name.toLowerCase()));
  if (!["alloccpus", "ncpus", "alloctres"].some((name) => columns.has(name)))
    missing.push("AllocCPUS");
  if (missing.length > 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `the dump lacks ${missing.join(", ")}: ${neededSentence}`,
    );
  return columns;
}

const columnValue = (name: string, values: readonly string[], columns: Columns): string =>
  values[columns.get(name) ?? -1]?.trim() ?? "";

/** A job, or why the record is not one that ran. */
function parseJob(values: readonly string[], columns: Columns): LoggedJob | string {
  const field = (name: string) => columnValue(name, values, columns);
  if (field("jobid").includes(".")) return "step";
  if (values.length < columns.size) return "too few fields";
  if (/^(unknown|none|n\/a|)$/i.test(field("start"))) return "never started";
  if (/^none assigned$/i.test(field("nodelist"))) return "never started";
  const fromMs = readTimeMs(field("start"));
  const toMs = readTimeMs(field("end"));
  if (fromMs === null) return "a start that is not a time";
  if (toMs === null)
    return /^(unknown|none|)$/i.test(field("end")) ? "missing end" : "an end that is not a time";
  if (toMs < fromMs) return "negative run time";
  const tres = tresOf(field("alloctres"));
  const cores = Number(field("alloccpus") || field("ncpus") || tres.get("cpu") || 0);
  if (!Number.isInteger(cores) || cores < 1) return "no processors";
  const nodes = columns.has("nodelist") ? nodesOf(field("nodelist")) : null;
  if (nodes?.length === 0) return "an invalid node list";
  if (nodes !== null && nodes.length > cores) return "more nodes than processors";
  const shares = nodes === null ? null : evenShares(nodes, cores);
  return { fromMs, toMs, cores, memoryMb: memoryOf(tres.get("mem")), shares };
}

/** Epoch seconds, or `2017-01-01T20:42:19` taken as UTC, in ms. */
function readTimeMs(text: string): number | null {
  if (/^[1-9]\d{0,10}$/.test(text)) return Number(text) * 1_000;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text)) return null;
  const parsed = Date.parse(`${text}Z`);
  return Number.isNaN(parsed) ? null : parsed;
}

const tresOf = (text: string): ReadonlyMap<string, string> =>
  new Map(text.split(",").map((each) => each.split("=", 2) as [string, string]));

/** `31000M`, `62.50G`: on all nodes together, in MB. */
function memoryOf(text: string | undefined): number | null {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)([KMGTP])$/.exec(text ?? "");
  if (match === null) return null;
  const mb = { K: 1 / 1_024, M: 1, G: 1_024, T: 1_024 ** 2, P: 1_024 ** 3 }[match[2]!]!;
  return Number(match[1]) * mb;
}

function nodesOf(text: string): string[] {
  try {
    return [...new Set<string>(expandHostList(text))];
  } catch {
    return []; // the caller counts it
  }
}

/** Slurm's records say no more, so evenly, with the remainder on the first nodes. */
function evenShares(nodes: readonly string[], cores: number): NodeShare[] {
  const each = Math.floor(cores / nodes.length);
  const more = cores % nodes.length;
  return nodes.map((node, place) => ({ node, cores: each + (place < more ? 1 : 0) }));
}
