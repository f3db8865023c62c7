// Places jobs on the nodes that a log names, and decides which nodes those are.

import { counted } from "../../../model/counted.js";
import { GleanerError } from "../../../model/errors.js";
import { nodeName } from "../../../model/ids.js";
import type { Skipped } from "../../site/notes.js";
import type { TraceNode } from "../../site/trace.js";
import type { LoggedJob, MachineWish, NodeShare, PlacedShares } from "./logged-job.js";

export const tooWide = "more processors than the machine has";

/**
 * Gives `add` the shares of each job. A job that is larger than its node fills it; of one that also
 * had nodes which the machine does not have, the other shares count.
 */
export function placeAsListed(
  jobs: readonly LoggedJob[],
  wish: MachineWish,
  add: PlacedShares,
  skipped: Skipped,
): { nodes: readonly TraceNode[]; remarks: readonly string[] } {
  const { nodes, remarks } = nodesOf(jobs, wish);
  const places = new Map(nodes.map((node, place) => [node.name as string, place]));
  const coresOf = (node: string) =>
    nodes[places.get(node) ?? -1]?.cores ?? Number.POSITIVE_INFINITY;
  let partly = 0;
  let placed = 0;
  for (const job of jobs) {
    if (job.shares === null) {
      skipped.add("no node list", job.line);
      continue;
    }
    const known = job.shares.filter(({ node }) => places.has(node)).length;
    if (known === 0) {
      skipped.add("no node that the machine has", job.line);
      continue;
    }
    placed++;
    if (known < job.shares.length) partly++;
    for (const { node, cores } of job.isSpread ? spread(job.shares, coresOf) : job.shares) {
      const place = places.get(node);
      if (place !== undefined) add(place, cores, memoryOf(job, cores, nodes[place]!), job);
    }
  }
  if (placed === 0) throw unknownNodes(jobs, nodes);
  const remark = `${counted(partly, "job")} also ran on nodes that the machine does not have: that part is omitted`;
  return { nodes, remarks: partly === 0 ? remarks : [...remarks, remark] };
}

function unknownNodes(jobs: readonly LoggedJob[], nodes: readonly TraceNode[]): GleanerError {
  const first = jobs.flatMap(({ shares }) => shares ?? [])[0];
  const theirs = `"${(first?.node ?? "").slice(0, 60)}"`;
  const ours = `"${nodes[0]?.name ?? ""}"`;
  return new GleanerError(
    "BAD_REQUEST",
    `no job ran on a node of the machines: jobs have names such as ${theirs}, the machines such as ${ours}; give the machines of this site, with the same names`,
  );
}

/**
 * Where an even spread exceeds small nodes, the rest goes to the others. If all together are too
 * small, the first exceeds its node.
 */
function spread(shares: readonly NodeShare[], coresOf: (node: string) => number): NodeShare[] {
  const placed = shares.map((share) => ({ ...share }));
  let excess = 0;
  for (const share of placed) {
    const over = Math.max(0, share.cores - coresOf(share.node));
    share.cores -= over;
    excess += over;
  }
  for (const share of placed) {
    const more = Math.min(excess, coresOf(share.node) - share.cores);
    share.cores += more;
    excess -= more;
  }
  placed[0]!.cores += excess;
  return placed.filter(({ cores }) => cores > 0);
}

function memoryOf(job: LoggedJob, cores: number, node: TraceNode): number {
  const wanted =
    job.memoryMb === null
      ? (node.memoryMb * cores) / node.cores
      : (job.memoryMb * cores) / job.cores;
  return Math.min(node.memoryMb, Math.ceil(wanted));
}

interface Named {
  readonly nodes: readonly TraceNode[];
  readonly remarks: readonly string[];
}

function nodesOf(jobs: readonly LoggedJob[], wish: MachineWish): Named {
  if (wish.named === undefined || wish.named === null) return nodesByPeak(peaksOf(jobs), wish);
  const used = new Set(jobs.flatMap((job) => (job.shares ?? []).map(({ node }) => node)));
  const unused = wish.named.filter(({ name }) => !used.has(name)).length;
  const remarks =
    unused > 0
      ? [`${counted(unused, "node")} of the machine ran no job: idle all the time, unless out`]
      : [];
  return { nodes: wish.named, remarks };
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
    const inTime = (a: { atMs: number }, b: { atMs: number }) =>
      a.atMs === b.atMs ? 0 : a.atMs - b.atMs;
    for (const { cores } of each.sort((a, b) => inTime(a, b) || a.cores - b.cores)) {
      held += cores;
      peak = Math.max(peak, held);
    }
    peaks.set(node, peak);
  }
  return peaks;
}

/**
 * The nodes of a log that names them, without a list of names. A list of kinds has no names, so
 * each node is of the smallest kind that holds what ran on it at once, as long as there are any of
 * that kind. Machines that no job ever used are omitted.
 */
function nodesByPeak(peaks: ReadonlyMap<string, number>, wish: MachineWish): Named {
  const names = [...peaks.keys()].sort();
  if (wish.groups === null) {
    const nodes = names.map((name) => {
      const cores = peaks.get(name)!;
      return { name: nodeName(name), cores, memoryMb: cores * wish.memoryPerCoreMb };
    });
    const remark =
      "no machines were given: each node gets as many cores as its jobs used at once, which hides idle cores";
    return { nodes, remarks: [remark, guessedMemory(nodes.length, wish)] };
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

export const guessedMemory = (nodes: number, { memoryPerCoreMb }: MachineWish): string =>
  `the memory of ${counted(nodes, "node")} is a guess: ${memoryPerCoreMb} MB for each core (--memory-per-core)`;
