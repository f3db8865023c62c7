// Finds the cgroup hierarchies of this node and how each takes its limits: version 2, or version 1
// beside a unified mount.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GleanerError } from "../../../model/errors.js";
import {
  type CpuConfinement,
  cpusetOfVersion1,
  cpusetOfVersion2,
  noConfinement,
} from "./cpu-confinement.js";
import { giveRealTime } from "./real-time.js";

const mount = "/sys/fs/cgroup";
/** The kernel's default period in microseconds; a quota of one period is one core. */
const periodUs = 100_000;
const bytesPerMb = 1024 * 1024;
/**
 * Functions have the lowest weight that the kernel offers, so that all other processes go first.
 * While they die they have sixteen times the usual weight: enough to go first, too little to starve
 * the executor. In version 2 the executor is below the same groups except `work`, so those have the
 * kernel's default weight meanwhile.
 */
const weights = {
  version1: { file: "cpu.shares", usual: 2, urgent: 16_384 },
  version2: { file: "cpu.weight", usual: 100, urgent: 1_600 },
  version2Work: { file: "cpu.weight", usual: 1, urgent: 1_600 },
} as const;
/**
 * The weight of all functions at disks, where the kernel supports it: by its cost model or by the
 * BFQ scheduler.
 */
const diskWeights = [
  { file: "io.weight", usual: 1, urgent: 1_600 },
  { file: "io.bfq.weight", usual: 1, urgent: 1_000 },
] as const;

export interface Limits {
  readonly memoryMb: number;
  /** If null, as many as the groups inside may use together. */
  readonly cores: number | null;
  /** Threads count, too. */
  readonly processes: number;
  /** Rules of the devices controller, which only version 1 has. */
  readonly deniedDevices: readonly string[];
}

/** One hierarchy, with the executor's group in it. */
export interface Tree {
  readonly nodeGroup: string;
  /** The root's cgroup.procs. */
  readonly rootProcs: string;
  /** Whether this is the version 2 tree, which can kill whole groups. */
  readonly kills: boolean;
  /** false if it only holds processes together. */
  readonly limits: boolean;
  /** Whether this tree applies deniedDevices. */
  readonly closesDevices?: true;
  /** Creates a group below the node's, with all groups above it. */
  make(path: string): void;
  limit(path: string, limits: Limits): void;
  liftCores(path: string): void;
  /** What is charged to a group, in bytes; 0 in a tree that does not count memory. */
  usedMemory(path: string): number;
  /**
   * Gives a group precedence over everything else that wants the processor, or takes it back; "" is
   * the node's own group.
   */
  hurry(path: string, isUrgent: boolean): void;
}

export interface Trees {
  readonly kind: "cgroup2" | "cgroup1";
  readonly trees: readonly Tree[];
  /** false if the node lacks that controller, which is optional. */
  readonly limitProcesses: boolean;
  readonly cpus: CpuConfinement;
}

/**
 * The trees that this node offers for a group of that name, the killing one last, so that a join
 * ends in it.
 */
export function treesOf(group: string): Trees {
  if (existsSync(join(mount, "cgroup.controllers"))) {
    const controllers = readFileSync(join(mount, "cgroup.controllers"), "latin1").trim().split(" ");
    for (const needed of ["cpu", "memory"])
      if (!controllers.includes(needed))
        throw new GleanerError(
          "LAUNCH",
          `${mount} lacks the ${needed} controller: enable it in the kernel`,
        );
    const limitProcesses = controllers.includes("pids");
    const used = ["cpu", "memory", "io", "pids", "cpuset"].filter((name) =>
      controllers.includes(name),
    );
    const cpus = used.includes("cpuset") ? cpusetOfVersion2(mount, group) : noConfinement;
    return { kind: "cgroup2", trees: [unifiedTree(mount, group, used)], limitProcesses, cpus };
  }
  const unified = join(mount, "unified");
  for (const needed of [unified, join(mount, "memory"), join(mount, "cpu")])
    if (!existsSync(join(needed, "cgroup.procs")))
      throw new GleanerError("LAUNCH", `${needed} is not mounted`);
  const limitProcesses = existsSync(join(mount, "pids", "cgroup.procs"));
  const trees = [memoryTree(group), cpuTree(group), unifiedTree(unified, group, [])];
  if (limitProcesses) trees.unshift(processTree(group));
  if (existsSync(join(mount, "devices", "cgroup.procs"))) trees.unshift(deviceTree(group));
  const hasCpuset = existsSync(join(mount, "cpuset", "cgroup.procs"));
  const cpus = hasCpuset ? cpusetOfVersion1(join(mount, "cpuset"), group) : noConfinement;
  return { kind: "cgroup1", trees, limitProcesses, cpus };
}

/** Version 2: one tree for all, with limits by these controllers unless version 1 has them. */
function unifiedTree(root: string, group: string, controllers: readonly string[]): Tree {
  const nodeGroup = join(root, group);
  return {
    ...places(root, group),
    kills: true,
    limits: controllers.length > 0,
    usedMemory: (path) =>
      controllers.length > 0 ? readNumber(join(nodeGroup, path, "memory.current")) : 0,
    make: (path) => {
      // A group created by an earlier version of this program may lack a controller that is used
      // now.
      const last = controllers.at(-1);
      makeGroups(
        root,
        join(group, path),
        last === undefined ? "cgroup.procs" : last === "cpuset" ? "cpuset.cpus" : `${last}.max`,
        (above) => {
          const enabled = controllers.map((name) => `+${name}`).join(" ");
          if (enabled !== "") writeFileSync(join(above, "cgroup.subtree_control"), enabled);
        },
      );
    },
    limit: (path, { memoryMb, cores, processes }) => {
      if (controllers.length === 0) return;
      const set = setterIn(join(nodeGroup, path));
      set("memory.max", memoryMb * bytesPerMb);
      if (controllers.includes("pids")) set("pids.max", processes);
      if (cores === null) return;
      set("cpu.max", `${cores * periodUs} ${periodUs}`);
      set("memory.oom.group", 1);
      if (existsSync(join(nodeGroup, path, "memory.swap.max"))) set("memory.swap.max", 0);
    },
    liftCores: (path) => {
      if (controllers.length > 0) setterIn(join(nodeGroup, path))("cpu.max", `max ${periodUs}`);
    },
    hurry: (path, isUrgent) => {
      const weight = path === "work" ? weights.version2Work : weights.version2;
      if (controllers.length > 0) weigh(join(nodeGroup, path), weight, isUrgent);
      if (path !== "work") return;
      for (const each of diskWeights)
        if (existsSync(join(nodeGroup, path, each.file)))
          weigh(join(nodeGroup, path), each, isUrgent);
    },
  };
}

/** The tree of one controller of version 1, and what it does beyond holding processes together. */
function controllerTree(
  controller: "memory" | "cpu" | "pids" | "devices",
  group: string,
  own: (nodeGroup: string) => Pick<Tree, "limit"> & Partial<Tree>,
): Tree {
  const root = join(mount, controller);
  return {
    ...places(root, group),
    kills: false,
    limits: true,
    usedMemory: () => 0,
    make: (path) => makeGroups(root, join(group, path)),
    liftCores: () => {},
    hurry: () => {},
    ...own(join(root, group)),
  };
}

const memoryTree = (group: string): Tree =>
  controllerTree("memory", group, (nodeGroup) => ({
    usedMemory: (path) => readNumber(join(nodeGroup, path, "memory.usage_in_bytes")),
    limit: (path, { memoryMb }) => {
      const directory = join(nodeGroup, path);
      const set = setterIn(directory);
      const withSwap = "memory.memsw.limit_in_bytes";
      const names = ["memory.limit_in_bytes"];
      // Memory with swap may never be below memory alone, so growing and shrinking use opposite
      // orders.
      if (existsSync(join(directory, withSwap))) {
        const now = readNumber(join(directory, withSwap));
        if (memoryMb * bytesPerMb > now) names.unshift(withSwap);
        else names.push(withSwap);
      }
      for (const name of names) set(name, memoryMb * bytesPerMb);
    },
  }));

const cpuTree = (group: string): Tree =>
  controllerTree("cpu", group, (nodeGroup) => ({
    limit: (path, { cores }) => {
      if (cores === null) return;
      setterIn(join(nodeGroup, path))("cpu.cfs_quota_us", cores * periodUs);
      giveRealTime(join(nodeGroup, path));
    },
    liftCores: (path) => setterIn(join(nodeGroup, path))("cpu.cfs_quota_us", -1),
    hurry: (path, isUrgent) => weigh(join(nodeGroup, path), weights.version1, isUrgent),
  }));

const processTree = (group: string): Tree =>
  controllerTree("pids", group, (nodeGroup) => ({
    limit: (path, { processes }) => setterIn(join(nodeGroup, path))("pids.max", processes),
  }));

const deviceTree = (group: string): Tree =>
  controllerTree("devices", group, (nodeGroup) => ({
    limit: (path, { deniedDevices }) => {
      const set = setterIn(join(nodeGroup, path));
      for (const rule of deniedDevices) set("devices.deny", rule);
    },
    closesDevices: true,
  }));

function places(root: string, group: string): Pick<Tree, "nodeGroup" | "rootProcs"> {
  return { nodeGroup: join(root, group), rootProcs: join(root, "cgroup.procs") };
}

/**
 * Creates those groups of a path that lack the file `needed`; calls `prepare` with the group above
 * each.
 */
function makeGroups(
  root: string,
  path: string,
  needed = "cgroup.procs",
  prepare: (above: string) => void = () => {},
): void {
  let directory = root;
  for (const name of path.split("/")) {
    const above = directory;
    directory = join(directory, name);
    if (existsSync(join(directory, needed))) continue;
    prepare(above);
    mkdirSync(directory, { recursive: true });
  }
}

function weigh(
  directory: string,
  { file, usual, urgent }: { file: string; usual: number; urgent: number },
  isUrgent: boolean,
): void {
  writeFileSync(join(directory, file), String(isUrgent ? urgent : usual));
}

const setterIn = (directory: string) => (file: string, value: string | number) =>
  writeFileSync(join(directory, file), String(value));

const readNumber = (path: string): number => Number(readFileSync(path, "latin1"));
