// Reads the Standard Workload Format as jobs: 18 numbers per line, followed by the node list that
// Alea's data sets add.

import { counted } from "../../../model/counted.js";
import { Skipped } from "../../site/notes.js";
import type { Trace } from "../../site/trace.js";
import type { Lines } from "../lines.js";
import { evenGroups, type Machines, maxNodes } from "../machines.js";
import { type WindowWish, wholeLog } from "../window.js";
import { traceOfJobs } from "./jobs.js";
import type { LoggedJob, MachineWish, NodeShare } from "./logged-job.js";

/**
 * The trace of an SWF. If no machines are given and the header has MaxNodes and MaxProcs, those
 * apply. Field 10 (requested memory) is KiB per processor, as the format says; with a node list it
 * is bytes on each node, as in Alea's data sets. Throws BAD_REQUEST if no job is left or the nodes
 * cannot be determined.
 */
export async function readSwf(
  lines: Lines,
  wish: MachineWish,
  window: WindowWish = wholeLog,
): Promise<Trace> {
  const skipped = new Skipped();
  const header = new Map<string, number>();
  const read: SwfJob[] = [];
  let number = 0;
  for await (const line of lines) {
    number++;
    if (/^\s*;/.test(line)) {
      const match = /^\s*;\s*(\w+):\s*(\d{1,15})\s*$/.exec(line);
      if (match !== null) header.set(match[1]!, Number(match[2]));
      continue;
    }
    if (line.trim() === "") continue;
    const job = parseJob(line, number, (header.get("UnixStartTime") ?? 0) * 1_000);
    if ("reason" in job) skipped.add(job.reason, number, job.column);
    else read.push(job);
  }
  const jobs = withoutParts(read, skipped);
  const unknownWaits = jobs.filter(({ waitIsUnknown }) => waitIsUnknown).length;
  const remarks =
    unknownWaits > 0
      ? [
          `${counted(unknownWaits, "job has", "jobs have")} an unknown waiting time (-1): each is taken as started when it was submitted`,
        ]
      : [];
  return traceOfJobs(
    { jobs, skipped, remarks, isPart: false },
    wish.groups === null && (wish.named ?? null) === null
      ? { ...wish, ...machinesOf(header, wish.memoryPerCoreMb) }
      : wish,
    window,
  );
}

/** Leaves out the runs of which a job consists if the job has a line for all of them. */
function withoutParts(jobs: readonly SwfJob[], skipped: Skipped): readonly SwfJob[] {
  const wholes = new Set(jobs.filter(({ isPart }) => !isPart).map(({ id }) => id));
  return jobs.filter(({ id, isPart, line }) => {
    if (!isPart || !wholes.has(id)) return true;
    skipped.add("a part of a job that has a line of its own", line, "11");
    return false;
  });
}

function machinesOf(
  header: ReadonlyMap<string, number>,
  memoryPerCoreMb: number,
): Pick<Machines, "groups" | "guessedMemory"> {
  const nodes = header.get("MaxNodes") ?? 0;
  const processors = header.get("MaxProcs") ?? 0;
  const areSane =
    nodes >= 1 && nodes <= maxNodes && processors >= nodes && processors <= nodes * 65_535;
  if (!areSane) return { groups: null, guessedMemory: 0 };
  return { groups: evenGroups(nodes, processors, memoryPerCoreMb), guessedMemory: nodes };
}

interface SwfJob extends LoggedJob {
  readonly waitIsUnknown: boolean;
  readonly id: number;
  /** Whether the line is of one of several runs of a job, if the log uses the format's states. */
  readonly isPart: boolean;
}

/** The year 2200, in seconds: no job has a later time. */
const maxSeconds = 7_258_118_400;

/** Why a line is no job. */
interface Reason {
  readonly reason: string;
  readonly column: string | null;
}

const no = (reason: string, column: string | null = null): Reason => ({ reason, column });

function parseJob(line: string, number: number, epochMs: number): SwfJob | Reason {
  const open = line.indexOf("{");
  const fields = (open < 0 ? line : line.slice(0, open)).trim().split(/\s+/).map(Number);
  if (fields.length < 11 || fields.some((field) => Number.isNaN(field)))
    return no("not 18 numbers");
  const [id, submit, wait, run, allocated, , , requested, , memory, status] = fields;
  if (run! < 0) return no("negative run time", "4");
  if (submit! < 0) return no("missing start", "2");
  const cores = allocated! > 0 ? allocated! : requested!;
  if (!Number.isInteger(cores) || cores < 1) return no("no processors", "5");
  const start = submit! + Math.max(0, wait!);
  if (start + run! > maxSeconds) return no("a time after the year 2200");
  const fromMs = epochMs + Math.round(start * 1_000);
  const toMs = fromMs + Math.round(run! * 1_000);
  const shares = open < 0 ? null : parseNodeList(line, open);
  if (typeof shares === "string") return no(shares);
  const listedCores = shares?.reduce((sum, each) => sum + each.cores, 0) ?? cores;
  const memoryMb = memoryOf(memory!, cores, shares);
  return {
    fromMs,
    toMs,
    cores: listedCores,
    memoryMb,
    shares,
    isSpread: false,
    line: number,
    waitIsUnknown: wait! < 0,
    id: id!,
    isPart: status! >= 2 && status! <= 4,
  };
}

function memoryOf(
  field: number,
  cores: number,
  shares: readonly NodeShare[] | null,
): number | null {
  if (field <= 0) return null;
  return shares === null ? (field * cores) / 1_024 : (field * shares.length) / (1_024 * 1_024);
}

/** `{12,12,13}`: two cores of node 12 and one of 13. */
function parseNodeList(line: string, open: number): NodeShare[] | string {
  const close = line.indexOf("}", open);
  if (close < 0) return "a node list without an end";
  const cores = new Map<string, number>();
  for (const name of line.slice(open + 1, close).split(",")) {
    const node = name.trim();
    if (!/^[\w.-]{1,255}$/.test(node)) return "an invalid node list";
    cores.set(node, (cores.get(node) ?? 0) + 1);
  }
  return [...cores].map(([node, count]) => ({ node, cores: count }));
}
