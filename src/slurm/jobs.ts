// Reads jobs from squeue, in a format of Gleaner's own.

import { expandHostList, maxHosts } from "../model/hostlist.js";
import { jobId, type NodeName } from "../model/ids.js";
import type { Job } from "../model/slurm/job.js";
import { noteUnreadable, readCount, readWord } from "./fields.js";
import { readDurationMs, readTimeMs } from "./times.js";

/**
 * `-t all` also lists jobs that ended within MinJobAge. Arrays stay folded (no -r), so that 50,000
 * pending tasks are one line. --noconvert keeps numbers whole.
 */
export const squeueArguments = ["-h", "-a", "--local", "--noconvert", "-t", "all"] as const;

/**
 * Fields that users cannot write come first, with a separator that they cannot contain: job id,
 * displayed id, state, cores, number of nodes, nodes, submit, start and end time, time limit,
 * partition, planned nodes.
 */
const plainFields = ["%A", "%i", "%T", "%C", "%D", "%N", "%V", "%S", "%e", "%l", "%P", "%Y"];
/** Fields that users or sites write: user, account, QOS, reason, name. */
const freeFields = ["%u", "%a", "%q", "%r", "%j"];
/** The longest text that is kept; slurmctld accepts names up to 1,024 bytes. */
const maxTextLength = 256;
/** The most node names of all jobs of a snapshot: 8 bytes each, equal lists counted once. */
const maxListedNodes = 4_000_000;

/**
 * Returns the format for squeue. A job's name may contain any character, including new lines and
 * any fixed separator. A random `mark`, new for each call, therefore precedes records (`#`) and
 * free fields (`=`). The environment (SQUEUE_FORMAT) carries it, where other users cannot read it.
 */
export function squeueFormat(mark: string): string {
  return `${mark}#${plainFields.join("|")}${freeFields.map((field) => `${mark}=${field}`).join("")}`;
}

/** Reads squeue's output for `squeueFormat(mark)`; invalid records go to `unreadable`. */
export function readJobs(output: Buffer, mark: string, unreadable: string[]): Job[] {
  const jobs: Job[] = [];
  const lists = new HostLists();
  const beginning = Buffer.from(`${mark}#`);
  let start = output.indexOf(beginning);
  while (start !== -1) {
    start += beginning.length;
    const next = output.indexOf(beginning, start);
    // Decodes records one by one, so that a name holds only its record in memory, not all output.
    const record = output.toString("utf8", start, next === -1 ? output.length : next);
    const job = readJob(record.split(`${mark}=`), lists);
    if (job !== null) jobs.push(job);
    else noteUnreadable(unreadable, record);
    start = next;
  }
  return jobs;
}

function readJob(record: readonly string[], lists: HostLists): Job | null {
  const [plainText, user, account, qos, reason, name] = record;
  const plain = plainText!.split("|");
  if (name === undefined || plain.length !== plainFields.length) return null;
  const [idText = "", displayId = "", state = "", coreText = "", nodeCountText = ""] = plain;
  const [nodeText = "", submitted = "", start = "", end = ""] = plain.slice(5);
  const [limit = "", partition = "", plannedText = ""] = plain.slice(9);
  const id = readCount(idText);
  const cores = readCount(coreText);
  const nodeCount = readCount(nodeCountText);
  const nodes = lists.expand(nodeText);
  const plannedNodes = lists.expand(plannedText);
  if (id === null || cores === null || nodeCount === null) return null;
  if (nodes === null || plannedNodes === null) return null;
  return {
    id: jobId(id),
    displayId,
    name: bounded(name.endsWith("\n") ? name.slice(0, -1) : name),
    user: bounded(user!),
    account: bounded(readWord(account) ?? ""),
    partition,
    qos: bounded(readWord(qos) ?? ""),
    state,
    cores,
    nodeCount,
    nodes,
    submittedAtMs: readTimeMs(submitted),
    startAtMs: readTimeMs(start),
    endAtMs: readTimeMs(end),
    timeLimitMs: readDurationMs(limit),
    plannedNodes,
    reason: bounded(reason!),
  };
}

const bounded = (text: string): string => text.slice(0, maxTextLength);

/** The host lists of a snapshot: expands equal ones once and shares their array. */
class HostLists {
  private readonly known = new Map<string, readonly NodeName[] | null>();
  private left = maxListedNodes;

  /** null if the host list is invalid or the lists are too large together. */
  expand(text: string): readonly NodeName[] | null {
    let names = this.known.get(text);
    if (names === undefined) {
      names = this.expandNew(text);
      this.known.set(text, names);
    }
    return names;
  }

  private expandNew(text: string): readonly NodeName[] | null {
    try {
      const names = expandHostList(text, Math.min(maxHosts, this.left));
      this.left -= names.length;
      return names;
    } catch {
      return null;
    }
  }
}
