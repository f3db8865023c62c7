// Reads the shares of jobs: the cores and GPUs that each has, from `scontrol -o -d show job`.

import { expandHostList, maxHosts } from "../model/hostlist.js";
import type { JobId, NodeName } from "../model/ids.js";
import type { Job } from "../model/slurm/job.js";
import type { JobShare, NodeShare } from "../model/slurm/job-share.js";
import { readGpusOfJob } from "./gres.js";
import { readIds } from "./ids.js";

/** The nodes and ids that a record may list for each node and CPU of its job. */
const listedForEach = 16;
/** The nodes and ids that a record may always list. */
const listedAnyway = 1_000;

/** A requested job, as listed in the queue. */
export type AskedJob = Pick<Job, "id" | "nodes" | "cores">;

/** One request a line; for a forgotten id, scontrol only prints an error. */
export const shareRequests = (jobs: readonly AskedJob[]): string =>
  jobs.map(({ id }) => `show job ${id}\n`).join("");

/**
 * Returns the shares of the requested jobs. A record is one line, but a job's name may contain
 * anything, including new lines. A forged record therefore counts only for its own job and can only
 * add to its share (see shareOf).
 */
export function readShares(output: Buffer, jobs: readonly AskedJob[]): Map<JobId, JobShare> {
  const asked = new Map<number, AskedJob>(jobs.map((job) => [job.id, job]));
  const shares = new Map<JobId, JobShare>();
  const text = output.toString("utf8");
  const starts = [...text.matchAll(/^JobId=(\d{1,10}) /gm)];
  for (const [index, { 1: id, index: start }] of starts.entries()) {
    const job = asked.get(Number(id));
    if (job === undefined) continue;
    const end = starts[index + 1]?.index ?? text.length;
    const share = shareOf(text.slice(start, end), job, shares.get(job.id)?.byNode);
    if (share !== null) shares.set(job.id, share);
  }
  return shares;
}

/**
 * Adds the record's shares of the job's nodes to the `known` ones; null if a part is unreadable, or
 * if it lists far more than the job can have, since a forged name must not waste the daemon's time.
 */
function shareOf(
  record: string,
  job: AskedJob,
  known: ReadonlyMap<NodeName, NodeShare> = new Map(),
): JobShare | null {
  const held = new Set(job.nodes);
  const byNode = new Map(known);
  let left = listedAnyway + listedForEach * (held.size + job.cores);
  const parts = record.matchAll(/ Nodes=(\S+) CPU_IDs=(\S*) Mem=(\d{1,15}) GRES=(\S*)/g);
  for (const [, nodeText, cpuText, memory, gres] of parts) {
    const cpuIds = readIds(cpuText!, left);
    const nodes = namesOf(nodeText!, left);
    if (cpuIds === null || nodes === null) return null;
    const share = { cpuIds, memoryMb: Number(memory), gpus: readGpusOfJob(gres!) };
    left -= nodes.length * (1 + cpuIds.length + (share.gpus?.length ?? 0));
    if (left < 0) return null;
    for (const node of nodes)
      if (held.has(node)) byNode.set(node, together(byNode.get(node), share));
  }
  return { byNode, askedCpusPerNode: askedCpus(record) };
}

function namesOf(text: string, most: number): readonly NodeName[] | null {
  try {
    return expandHostList(text, Math.min(maxHosts, most));
  } catch {
    return null;
  }
}

function together(one: NodeShare | undefined, other: NodeShare): NodeShare {
  if (one === undefined) return other;
  return {
    cpuIds: [...new Set([...one.cpuIds, ...other.cpuIds])],
    memoryMb: one.memoryMb + other.memoryMb,
    gpus: one.gpus === null || other.gpus === null ? null : [...one.gpus, ...other.gpus],
  };
}

/**
 * Multiplies tasks and CPUs on the node that may have the most of them. One task of one CPU for
 * each node is the default and does not show what the job uses.
 */
function askedCpus(record: string): number | null {
  const number = (pattern: RegExp) => Number(pattern.exec(record)?.[1] ?? "0");
  const nodes = number(/ NumNodes=(\d{1,7}) /);
  const tasks = number(/ NumTasks=(\d{1,7}) /);
  const cpusPerTask = number(/ CPUs\/Task=(\d{1,7}) /);
  const tasksPerNode = number(/ NtasksPerN:B:S:C=(\d{1,7}):/);
  if (nodes < 1 || tasks < 1 || cpusPerTask < 1) return null;
  const most = (tasksPerNode || Math.max(1, tasks - nodes + 1)) * cpusPerTask;
  return most > 1 ? most : null;
}
