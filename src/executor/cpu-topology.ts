// The machine's cores in the order in which hwloc, and so slurmd, numbers them: read from sysfs as hwloc reads it.
//
// hwloc makes a tree of sets of CPUs (packages, dies, NUMA nodes, L3 caches, cores) and visits, at each level, the set with the
// lowest CPU first. Two kinds of sets are in its tree only sometimes: clusters, which old releases do not know, and groups of
// NUMA nodes that are close to each other. Where these would change the order, the order is not known.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

type CpuSet = readonly number[];

/** Each core with its CPUs. Throws an Error with half a sentence where hwloc's order is not sure. */
export function readCores(sysfs = "/sys/devices/system"): readonly CpuSet[] {
  const online = readCpus(join(sysfs, "cpu/online"));
  // Intel's hybrid processors: slurmd leaves their small cores out.
  if (existsSync(join(sysfs, "../cpu_atom"))) throw new Error("its cores are of two kinds");
  const sure: CpuSet[] = [...readNumaNodes(sysfs)];
  const unsure: CpuSet[] = [...groupsOfNumaNodes(sysfs)];
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
  if (order.join() !== visit(online, [...sure, ...unsure]).join())
    throw new Error("the order of its cores depends on the release of hwloc");
  return [...new Map(order.map((cpu) => [cores.get(cpu)!.join(), cores.get(cpu)!])).values()];
}

/** The CPUs in the order in which a walk over the tree of these sets meets them. */
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

function readNumaNodes(sysfs: string): CpuSet[] {
  return numaFolders(sysfs)
    .map((folder) => readCpus(join(folder, "cpulist")))
    .filter((cpus) => cpus.length > 0);
}

/** For each distance, the CPUs of the NUMA nodes that are joined by distances up to it: hwloc makes some of these groups. */
function groupsOfNumaNodes(sysfs: string): CpuSet[] {
  const nodes = numaFolders(sysfs).map((folder) => ({
    cpus: readCpus(join(folder, "cpulist")),
    distances: readFileSync(join(folder, "distance"), "latin1").trim().split(/\s+/).map(Number),
  }));
  const distances = new Set(nodes.flatMap((node) => node.distances));
  return [...distances].flatMap((limit) => {
    let groups: { members: number[]; cpus: number[] }[] = [];
    for (const [index, { cpus, distances: row }] of nodes.entries()) {
      const isNear = (group: { members: number[] }) =>
        group.members.some(
          (other) => row[other]! <= limit || nodes[other]!.distances[index]! <= limit,
        );
      const near = groups.filter(isNear);
      const joined = {
        members: [...near.flatMap(({ members }) => members), index],
        cpus: [...near.flatMap((group) => group.cpus), ...cpus],
      };
      groups = [...groups.filter((group) => !near.includes(group)), joined];
    }
    return groups.map(({ cpus }) => ascending(cpus)).filter((cpus) => cpus.length > 0);
  });
}

/** In the order of their numbers; a kernel without NUMA has none. */
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

/** The first of these files that is there and not empty. */
function readSibling(cpuFolder: string, ...names: string[]): CpuSet | null {
  for (const name of names) {
    const path = join(cpuFolder, "topology", name);
    const cpus = existsSync(path) ? readCpus(path) : [];
    if (cpus.length > 0) return cpus;
  }
  return null;
}

/** The kernel's lists, such as `0-3,8`. */
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
