// Reads the machine's cores from sysfs in the order in which hwloc, and hence slurmd, numbers them.
//
// hwloc builds a tree of sets of CPUs (packages, dies, NUMA nodes, L3 caches, cores) and visits, at
// each level, the set with the lowest CPU first. Two kinds of sets are in its tree only sometimes:
// clusters, which old releases do not know, and groups of NUMA nodes that are close to each other.
// Where these may change the order, the order is unknown.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

type CpuSet = readonly number[];

/** Each core with its CPUs. Throws an Error with half a sentence if hwloc's order is uncertain. */
export function readCores(sysfs = "/sys/devices/system"): readonly CpuSet[] {
  const online = readCpus(join(sysfs, "cpu/online"));
  // Intel's hybrid processors: slurmd omits their small cores.
  if (existsSync(join(sysfs, "../cpu_atom"))) throw new Error("its cores are of two kinds");
  const numaNodes = readNumaNodes(sysfs);
  const sure: CpuSet[] = numaNodes.map(({ cpus }) => cpus);
  const unsure: CpuSet[] = [];
  const cores = new Map<number, CpuSet>();
  for (const cpu of online) {
    const folder = join(sysfs, `cpu/cpu${cpu}`);
    const core = readSibling(folder, "core_cpus_list", "thread_siblings_list");
    const package_ = readSibling(folder, "package_cpus_list", "core_siblings_list");
    if (core === null || package_ === null) throw new Error("sysfs does not show its cores");
    cores.set(cpu, core);
    sure.push(package_, core, ...readL3Caches(folder));
    const die = readSibling(folder, "die_cpus_list");
    if (die !== null) sure.push(die);
    const cluster = readSibling(folder, "cluster_cpus_list");
    if (cluster !== null) unsure.push(cluster);
  }
  const order = visit(online, sure);
  const withUnsure = visit(online, [...sure, ...unsure]);
  if (order.join() !== withUnsure.join() || !keepsOrder(numaNodes, order))
    throw new Error("the order of its cores depends on the release of hwloc");
  return [...new Map(order.map((cpu) => [cores.get(cpu)!.join(), cores.get(cpu)!])).values()];
}

/** The CPUs in the order in which a walk over the tree of these sets visits them. */
function visit(cpus: CpuSet, sets: readonly CpuSet[]): CpuSet {
  const known = new Map(sets.map((set) => [set.join(), set]));
  const largestFirst = [...known.values()].sort((left, right) => right.length - left.length);
  const paths = new Map<number, CpuSet[]>(cpus.map((cpu) => [cpu, []]));
  for (const set of largestFirst) {
    const above = new Set(set.map((cpu) => paths.get(cpu)?.at(-1)?.join()));
    if (above.size > 1) throw new Error("sets of its CPUs overlap");
    for (const cpu of set) paths.get(cpu)?.push(set);
  }
  return [...cpus].sort((left, right) => {
    const [leftPath, rightPath] = [paths.get(left)!, paths.get(right)!];
    const parting = leftPath.findIndex((set, depth) => set !== rightPath[depth]);
    return (leftPath[parting]?.[0] ?? left) - (rightPath[parting]?.[0] ?? right);
  });
}

interface NumaNode {
  readonly cpus: CpuSet;
  /** The distance to each node, including itself. */
  readonly distances: readonly number[];
}

function readNumaNodes(sysfs: string): NumaNode[] {
  return numaFolders(sysfs).map((folder) => ({
    cpus: readCpus(join(folder, "cpulist")),
    distances: readFileSync(join(folder, "distance"), "latin1").trim().split(/\s+/).map(Number),
  }));
}

/**
 * Whether the order stays the same with the groups that hwloc forms of near NUMA nodes, and then of
 * near groups. It does if no node is nearer to one behind its neighbour than to the neighbour, so
 * that all groups are of neighbours, or if the nearest pairs join all nodes, so that there are no
 * groups.
 */
function keepsOrder(nodes: readonly NumaNode[], order: CpuSet): boolean {
  const place = (node: NumaNode) => Math.min(...node.cpus.map((cpu) => order.indexOf(cpu)));
  const numbers = [...nodes.keys()].filter((number) => nodes[number]!.cpus.length > 0);
  const sorted = [...numbers].sort((one, other) => place(nodes[one]!) - place(nodes[other]!));
  if (sorted.length <= 2) return true;
  const distance = (one: number, other: number) => nodes[one]!.distances[other]!;
  const pairs = sorted.flatMap((one, index) =>
    sorted.slice(index + 1).map((other) => [one, other] as const),
  );
  const least = Math.min(...pairs.map(([one, other]) => distance(one, other)));
  // Memory-only nodes that are nearer than that would be part of groups.
  const memories = [...nodes.keys()].filter((number) => nodes[number]!.cpus.length === 0);
  if (memories.some((memory) => sorted.some((one) => distance(one, memory) <= least))) return false;
  // hwloc begins each round at the first node found in the previous round, and therefore does not
  // find all.
  const joined = new Set([numbers[0]!]);
  for (let first: number | undefined = numbers[0]; first !== undefined; ) {
    let next: number | undefined;
    for (const one of numbers)
      for (const other of one >= first && joined.has(one) ? numbers : [])
        if (!joined.has(other) && distance(one, other) === least) {
          joined.add(other);
          next ??= other;
        }
    first = next;
  }
  if (joined.size === numbers.length) return true;
  return sorted.every((one, index) =>
    sorted.every(
      (other, otherIndex) =>
        otherIndex < index + 2 ||
        (distance(one, other) >= distance(one, sorted[otherIndex - 1]!) &&
          distance(one, other) >= distance(sorted[index + 1]!, other)),
    ),
  );
}

/** In the order of their numbers; empty on a kernel without NUMA. */
function numaFolders(sysfs: string): string[] {
  const folder = join(sysfs, "node");
  if (!existsSync(folder)) return [];
  const numbers = readdirSync(folder).flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? []);
  return ascending(numbers.map(Number)).map((number) => join(folder, `node${number}`));
}

function readL3Caches(cpuFolder: string): CpuSet[] {
  const folder = join(cpuFolder, "cache");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^index\d+$/.test(name))
    .map((name) => join(folder, name))
    .filter((cache) => readFileSync(join(cache, "level"), "latin1").trim() === "3")
    .map((cache) => readCpus(join(cache, "shared_cpu_list")));
}

/** The first of these files that exists and is not empty. */
function readSibling(cpuFolder: string, ...names: string[]): CpuSet | null {
  for (const name of names) {
    const path = join(cpuFolder, "topology", name);
    const cpus = existsSync(path) ? readCpus(path) : [];
    if (cpus.length > 0) return cpus;
  }
  return null;
}

/** Parses the kernel's lists, such as `0-3,8`. */
function readCpus(path: string): CpuSet {
  const ranges = readFileSync(path, "latin1").trim().split(",").filter(Boolean);
  return ascending(
    ranges.flatMap((range) => {
      const [first, last = first] = range.split("-").map(Number) as [number, number?];
      return Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
    }),
  );
}

const ascending = (numbers: readonly number[]): number[] =>
  [...numbers].sort((left, right) => left - right);
