// The order of cores that an executor reads from sysfs, on made-up machines whose order hwloc 2.9
// reported (lstopo, HWLOC_FSROOT), and on this one.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { readCpuMap } from "../../../../src/executor/node/cpu-map.js";
import { readCores } from "../../../../src/executor/node/cpu-topology.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-topology-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (file: string, text: string) => {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), `${text}\n`);
};

/** Lists of CPUs as the kernel writes them; each CPU is in one of each level's sets. */
interface Machine {
  readonly online: string;
  readonly packages: readonly string[];
  readonly cores: readonly string[];
  readonly dies?: readonly string[];
  readonly clusters?: readonly string[];
  readonly l3?: readonly string[];
  readonly nodes?: readonly string[];
  /** A row for each node. */
  readonly distances?: readonly string[];
}

const idsIn = (list: string) =>
  list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });

function make(machine: Machine): void {
  put("cpu/online", machine.online);
  for (const cpu of idsIn(machine.online)) {
    const levels = {
      package_cpus_list: machine.packages,
      core_cpus_list: machine.cores,
      die_cpus_list: machine.dies,
      cluster_cpus_list: machine.clusters,
    };
    const holding = (sets: readonly string[]) => sets.find((set) => idsIn(set).includes(cpu))!;
    for (const [name, sets] of Object.entries(levels))
      if (sets !== undefined) put(`cpu/cpu${cpu}/topology/${name}`, holding(sets));
    put(`cpu/cpu${cpu}/cache/index2/level`, "2");
    if (machine.l3 === undefined) continue;
    put(`cpu/cpu${cpu}/cache/index3/level`, "3");
    put(`cpu/cpu${cpu}/cache/index3/shared_cpu_list`, holding(machine.l3));
  }
  for (const [index, cpulist] of (machine.nodes ?? []).entries()) {
    put(`node/node${index}/cpulist`, cpulist);
    put(`node/node${index}/distance`, machine.distances?.[index] ?? "10");
  }
}

const twoPackages = {
  online: "0-7",
  packages: ["0,2,4,6", "1,3,5,7"],
  cores: ["0,4", "1,5", "2,6", "3,7"],
};

describe("cores in hwloc's order", () => {
  test("go package by package with a core's threads together, however the kernel numbers CPUs", () => {
    make(twoPackages);
    expect(readCores(folder)).toEqual([
      [0, 4],
      [2, 6],
      [1, 5],
      [3, 7],
    ]);
    expect(readCpuMap(null, 8, folder)).toEqual([0, 4, 2, 6, 1, 5, 3, 7]);
  });

  test("go by NUMA nodes of a package, then by L3 caches", () => {
    const cores = Array.from({ length: 8 }, (_, cpu) => String(cpu));
    make({
      online: "0-7",
      packages: ["0-7"],
      cores,
      nodes: ["2,3,6,7", "0,1,4,5"],
      distances: ["10 12", "12 10"],
      l3: ["0,4", "1,5", "2,7", "3,6"],
    });
    expect(readCores(folder).flat()).toEqual([0, 4, 1, 5, 2, 7, 3, 6]);
  });

  test("are found under the names of an old kernel", () => {
    put("cpu/online", "0-1");
    for (const cpu of [0, 1]) {
      put(`cpu/cpu${cpu}/topology/thread_siblings_list`, String(cpu));
      put(`cpu/cpu${cpu}/topology/core_siblings_list`, "0-1");
    }
    expect(readCores(folder)).toEqual([[0], [1]]);
  });

  test("of this machine include all its CPUs", () => {
    const order = readCores().flat();
    expect([...order].sort((left, right) => left - right)).toEqual(cpus().map((_, cpu) => cpu));
  });
});

describe("the order of cores is uncertain if", () => {
  const fourPackages = {
    online: "0-3",
    packages: ["0", "1", "2", "3"],
    cores: ["0", "1", "2", "3"],
    nodes: ["0", "1", "2", "3"],
  };

  test("hwloc groups close NUMA nodes that are not adjacent", () => {
    make({
      ...fourPackages,
      distances: ["10 32 21 32", "32 10 32 21", "21 32 10 32", "32 21 32 10"],
    });
    expect(() => readCpuMap(null, 4, folder)).toThrow(/depends on the release of hwloc/);
    make({
      ...fourPackages,
      distances: ["10 21 32 32", "21 10 32 32", "32 32 10 21", "32 32 21 10"],
    });
    expect(readCores(folder).flat()).toEqual([0, 1, 2, 3]);
  });

  test("clusters that old releases do not recognise change it", () => {
    const one = { online: "0-3", packages: ["0-3"], cores: ["0", "1", "2", "3"] };
    make({ ...one, clusters: ["0,2", "1,3"] });
    expect(() => readCores(folder)).toThrow(/depends on the release of hwloc/);
    make({ ...one, clusters: ["0-1", "2-3"] });
    expect(readCores(folder).flat()).toEqual([0, 1, 2, 3]);
  });

  test("sets overlap, or sysfs does not show them", () => {
    make({ ...twoPackages, l3: ["0,1", "2,3", "4,5", "6,7"] });
    expect(() => readCores(folder)).toThrow(/overlap/);
    rmSync(join(folder, "cpu/cpu3/topology"), { recursive: true });
    expect(() => readCores(folder)).toThrow(/does not show its cores/);
  });

  test("some are offline, of a small kind, or not those that Slurm counts", () => {
    make({ online: "0,2", packages: ["0,2"], cores: ["0", "2"] });
    expect(() => readCpuMap(null, 2, folder)).toThrow(/offline/);
    expect(() => readCpuMap(null, 4, folder)).toThrow(/counts 4 CPUs.*machine has 2/);
    const devices = join(folder, "devices");
    mkdirSync(join(devices, "cpu_atom"), { recursive: true });
    put("devices/system/cpu/online", "0");
    expect(() => readCores(join(devices, "system"))).toThrow(/two kinds/);
  });
});
