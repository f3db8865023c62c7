// Turns the jobs of an accounting log into a trace: which nodes exist, and what each job used of
// them.

import { GleanerError } from "../../model/errors.js";
import { nodeName } from "../../model/ids.js";
import { pack, type UnplacedJob } from "../site/packing.js";
import {
  Changes,
  checkExtent,
  ShareList,
  type Skipped,
  type Trace,
  type TraceNode,
} from "../site/trace.js";
import { type MachineGroup, nodesOf } from "./machines.js";

/** More than any machine has; a larger number is wrong. */
const maxCoresPerJob = 20_000_000;
const tooWide = "more processors than the machine has";

/** The part of one node that one job used. */
export interface NodeShare {
  readonly node: string;
  readonly cores: number;
}

export interface LoggedJob {
  readonly fromMs: number;
  readonly toMs: number;
  readonly cores: number;
  /**
   * On all its nodes together; null if unknown: then the same part of each node's memory as of its
   * cores.
   */
  readonly memoryMb: number | null;
  /** null if the log does not say. */
  readonly shares: readonly NodeShare[] | null;
}

/** Memory per core, in MB, on a node whose memory is not given. */
export interface MachineWish {
  /** null if none are given: then the nodes that the log names. */
  readonly groups: readonly MachineGroup[] | null;
  readonly memoryPerCoreMb: number;
}

/**
 * The trace of all jobs. It lasts from the first start to the last start, because the log does not
 * know what came later. Records that exceed the machine are skipped. Throws BAD_REQUEST if nothing
 * is left or the nodes cannot be determined.
 */
export function traceOfJobs(
  logged: readonly LoggedJob[],
  wish: MachineWish,
  skipped: Skipped,
  remarks: readonly string[],
): Trace {
  const jobs = logged.filter(({ cores }) => cores <= maxCoresPerJob);
  for (let left = logged.length - jobs.length; left > 0; left--) skipped.add(tooWide);
  if (jobs.length === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      "the log contains no usable record: check that it has the format that you named",
    );
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = 0;
  for (const job of jobs) {
    fromMs = Math.min(fromMs, job.fromMs);
    toMs = Math.max(toMs, job.fromMs);
  }
  if (toMs === fromMs) toMs = jobs.reduce((latest, job) => Math.max(latest, job.toMs), fromMs + 1);
  const shares = new ShareList();
  const listed = jobs.some((job) => job.shares !== null);
  const placed = listed
    ? placeAsListed(jobs, wish, shares, skipped)
    : placeByPacking(jobs, wish, shares, skipped);
  return checkExtent({
    nodes: placed.nodes,
    fromMs,
    toMs,
    jobs: jobs.length,
    changes: Changes.of(shares),
    notes: { skipped: skipped.all(), remarks: [...remarks, ...placed.remarks] },
  });
}

interface Placed {
  readonly nodes: readonly TraceNode[];
  readonly remarks: readonly string[];
}

function placeAsListed(
  jobs: readonly LoggedJob[],
  wish: MachineWish,
  shares: ShareList,
  skipped: Skipped,
): Placed {
  const peaks = peaksOf(jobs);
  const { nodes, remarks } = nodesNamed(peaks, wish);
  const places = new Map(nodes.map((node, place) => [node.name as string, place]));
  for (const job of jobs) {
    if (job.shares === null) skipped.add("no node list");
    else if (
      job.shares.some(({ node, cores }) => cores > (nodes[places.get(node) ?? -1]?.cores ?? 0))
    )
      skipped.add(tooWide);
    else if (job.toMs > job.fromMs)
      for (const { node, cores } of job.shares) {
        const place = places.get(node)!;
        const memoryMb = memoryOf(job, cores, nodes[place]!);
        shares.add({ node: place, cores, memoryMb, fromMs: job.fromMs, toMs: job.toMs });
      }
  }
  return { nodes, remarks };
}

function memoryOf(job: LoggedJob, cores: number, node: TraceNode): number {
  const wanted =
    job.memoryMb === null
      ? (node.memoryMb * cores) / node.cores
      : (job.memoryMb * cores) / job.cores;
  return Math.min(node.memoryMb, Math.ceil(wanted));
}

/** The most cores that jobs held at once on each named node. */
function peaksOf(jobs: readonly LoggedJob[]): Map<string, number> {
  const edges = new Map<string, { atMs: number; cores: number }[]>();
  for (const job of jobs)
    for (const { node, cores } of job.shares ?? []) {
      const known = edges.get(node) ?? [];
      if (known.length === 0) edges.set(node, known);
      known.push({ atMs: job.fromMs, cores }, { atMs: job.toMs, cores: -cores });
    }
  const peaks = new Map<string, number>();
  for (const [node, each] of edges) {
    let held = 0;
    let peak = 1;
    for (const { cores } of each.sort((a, b) => a.atMs - b.atMs || a.cores - b.cores)) {
      held += cores;
      peak = Math.max(peak, held);
    }
    peaks.set(node, peak);
  }
  return peaks;
}

/**
 * The nodes of a log that names them. The list of machines has kinds, not names, so each node is of
 * the smallest kind that holds what ran on it at once, as long as there are any of that kind.
 * Machines that no job ever used are omitted.
 */
function nodesNamed(peaks: ReadonlyMap<string, number>, wish: MachineWish): Placed {
  const names = [...peaks.keys()].sort();
  if (wish.groups === null) {
    const nodes = names.map((name) => {
      const cores = peaks.get(name)!;
      return { name: nodeName(name), cores, memoryMb: cores * wish.memoryPerCoreMb };
    });
    return {
      nodes,
      remarks: ["no machines were given: each node gets as many cores as its jobs used at once"],
    };
  }
  const left = wish.groups.map((group) => ({ ...group })).sort((a, b) => a.cores - b.cores);
  const largest = left.at(-1)!;
  const ordered = names.sort((a, b) => peaks.get(b)! - peaks.get(a)!);
  const nodes = ordered.map((name) => {
    const group = left.find((each) => each.nodes > 0 && each.cores >= peaks.get(name)!) ?? largest;
    group.nodes--;
    return { name: nodeName(name), cores: group.cores, memoryMb: group.memoryMb };
  });
  const unused = left.reduce((sum, { nodes }) => sum + Math.max(0, nodes), 0);
  const remarks = unused > 0 ? [`${unused} machines are not used by any job and are omitted`] : [];
  return { nodes: nodes.sort((a, b) => (a.name < b.name ? -1 : 1)), remarks };
}

function placeByPacking(
  jobs: readonly LoggedJob[],
  wish: MachineWish,
  shares: ShareList,
  skipped: Skipped,
): Placed {
  if (wish.groups === null)
    throw new GleanerError(
      "BAD_REQUEST",
      "the log names no nodes: describe them with --machines FILE, or with --nodes and --cores-per-node",
    );
  const nodes = nodesOf(wish.groups);
  const total = nodes.reduce((sum, { cores }) => sum + cores, 0);
  const totalMemoryMb = nodes.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
  const unplaced: UnplacedJob[] = [];
  for (const job of jobs)
    if (job.cores > total) skipped.add(tooWide);
    else if (job.toMs > job.fromMs) {
      const memoryMb = job.memoryMb ?? (totalMemoryMb * job.cores) / total;
      unplaced.push({ cores: job.cores, memoryMb, fromMs: job.fromMs, toMs: job.toMs });
    }
  const left = pack(unplaced, nodes, shares);
  for (let index = 0; index < left; index++)
    skipped.add("more processors than were free at its start");
  return { nodes, remarks: ["the log names no nodes: jobs were packed onto as few as possible"] };
}
