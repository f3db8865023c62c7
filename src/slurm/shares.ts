// What jobs have by name, from `scontrol -o -d` that is asked for one job after the other on its standard input.

import { expandHostList, MAX_HOSTS } from "../core/hostlist.js";
import type { JobId, NodeName } from "../model/ids.js";
import type { JobShare, NodeShare } from "../model/share.js";
import { readGpusOfJob } from "./gres.js";
import { readIds } from "./ids.js";

/** One line each; an id that slurmctld has forgotten costs a complaint and nothing else. */
export const shareRequests = (jobs: readonly JobId[]): string =>
  jobs.map((job) => `show job ${job}\n`).join("");

/**
 * The shares of the jobs that were asked for. A job's record is one line, but its name is its user's and may hold anything, new
 * lines too: what it makes up is believed of that very job only, adds to what the job has, and takes nothing away (see shareOf).
 */
export function readShares(output: Buffer, jobs: readonly JobId[]): Map<JobId, JobShare> {
  const asked = new Set<number>(jobs);
  const shares = new Map<JobId, JobShare>();
  const text = output.toString("utf8");
  const starts = [...text.matchAll(/^JobId=(\d{1,10}) /gm)];
  for (const [index, { 1: id, index: start }] of starts.entries()) {
    const job = Number(id) as JobId;
    if (!asked.has(job)) continue;
    const end = starts[index + 1]?.index ?? text.length;
    const share = shareOf(text.slice(start, end), shares.get(job)?.byNode);
    if (share !== null) shares.set(job, share);
  }
  return shares;
}

/** All that stands in the record or is `known` already, added up; null when a part cannot be read. */
function shareOf(
  record: string,
  known: ReadonlyMap<NodeName, NodeShare> = new Map(),
): JobShare | null {
  const byNode = new Map(known);
  const parts = record.matchAll(/ Nodes=(\S+) CPU_IDs=(\S*) Mem=(\d{1,15}) GRES=(\S*)/g);
  for (const [, nodeText, cpuText, memory, gres] of parts) {
    const cpuIds = readIds(cpuText!);
    const nodes = namesOf(nodeText!);
    if (cpuIds === null || nodes === null) return null;
    const share = { cpuIds, memoryMb: Number(memory), gpus: readGpusOfJob(gres!) };
    for (const node of nodes) byNode.set(node, together(byNode.get(node), share));
  }
  return { byNode, askedCpusPerNode: askedCpus(record) };
}

function namesOf(text: string): readonly NodeName[] | null {
  try {
    return expandHostList(text, MAX_HOSTS);
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
 * Tasks times CPUs of each, on the node that may have the most of them. One task of one CPU for each node is what a job gets that
 * says nothing, and says nothing of what it uses.
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
