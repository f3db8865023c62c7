// Which of the machine's CPUs and GPU files functions get: slurmd's own map, cpuset groups in a
// made-up tree, device rules.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  cpusetOfVersion1,
  cpusetOfVersion2,
  noConfinement,
} from "../../../../src/executor/containment/trees/cpu-confinement.js";
import { machineCpus, readCpuMap, topologyFile } from "../../../../src/executor/node/cpu-map.js";
import { gpuEnvironment, rulesAgainstOthers } from "../../../../src/executor/node/gpu-devices.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-cores-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("Slurm's numbers of CPUs", () => {
  const write = (xml: string) => writeFileSync(join(folder, topologyFile), xml, { mode: 0o644 });
  const core = (...threads: number[]) =>
    `<object type="Core" os_index="9" cpuset="0x1"><info/>${threads.map((id) => `<object type="PU" os_index="${id}"/>`).join("")}</object>`;

  test("follow hwloc's order, not the machine's, on two sockets with odd and even CPUs", () => {
    write(
      `<topology><object type="Package" os_index="0">${core(0)}${core(2)}</object>${core(1)}${core(3)}</topology>`,
    );
    const map = readCpuMap(folder, 4);
    expect(map).toEqual([0, 2, 1, 3]);
    expect(machineCpus([1, 2], map)).toEqual([1, 2]);
    expect(machineCpus([0, 1], map)).toEqual([0, 2]);
  });

  test("put the threads of a core next to each other", () => {
    write(core(0, 2) + core(1, 3));
    expect(readCpuMap(folder, 4)).toEqual([0, 2, 1, 3]);
  });

  test.each([
    ["more CPUs than the machine has", core(0) + core(1), 16, /counts 16 CPUs.*machine has 2/],
    ["cores of different kinds", core(0, 1) + core(2), 3, /different numbers of threads/],
    ["a CPU twice", core(0) + core(0), 2, /twice/],
    ["CPUs that are offline", core(0) + core(2), 2, /offline/],
    ["nothing that is understood", "<topology/>", 2, /machine has 0/],
  ])("are not trusted with %s", (_what, xml, total, sentence) => {
    write(xml);
    expect(() => readCpuMap(folder, total)).toThrow(sentence);
  });

  test("are not read from a file that is missing or that others can write", () => {
    expect(() => readCpuMap(folder, 2)).toThrow(/cannot be used/);
    write(core(0) + core(1));
    chmodSync(join(folder, topologyFile), 0o666);
    expect(() => readCpuMap(folder, 2)).toThrow(/others may write/);
  });
});

describe("cpuset groups", () => {
  const text = (path: string) => readFileSync(join(folder, path), "utf8").trim();
  /** What the kernel gives a group of version 1: files that are empty at first. */
  const group = (path: string, cpus = "", mems = "") => {
    mkdirSync(join(folder, path), { recursive: true });
    writeFileSync(join(folder, path, "cpuset.cpus"), cpus);
    writeFileSync(join(folder, path, "cpuset.mems"), mems);
  };

  test("of version 1 first get all CPUs of the parent group, and then those that they are confined to", () => {
    group(".", "0-7\n", "0-1\n");
    for (const each of ["gleaner", "gleaner/x", "gleaner/x/work", "gleaner/x/self"]) group(each);
    const cpus = cpusetOfVersion1(folder, "gleaner/x");
    cpus.open();
    expect(text("gleaner/x/work/cpuset.cpus")).toBe("0-7");
    expect(text("gleaner/x/self/cpuset.mems")).toBe("0-1");
    expect(text("gleaner/x/self/cgroup.procs")).toBe(String(process.pid));
    expect(cpus.joinFile).toBe(join(folder, "gleaner/x/work/cgroup.procs"));
    cpus.confine([2, 5]);
    expect(text("gleaner/x/work/cpuset.cpus")).toBe("2,5");
    expect(text("gleaner/x/self/cpuset.cpus")).toBe("2,5");
    cpus.confine(null);
    expect(text("gleaner/x/work/cpuset.cpus")).toBe("0-7");
    cpus.leave();
    expect(text("cgroup.procs")).toBe(String(process.pid));
  });

  test("of version 2 belong to the executor, and an empty one allows any CPU", () => {
    for (const each of ["gleaner/x/work", "gleaner/x/self"]) group(each);
    const cpus = cpusetOfVersion2(folder, "gleaner/x");
    cpus.open();
    expect(cpus.joinFile).toBeNull();
    cpus.confine([0, 3]);
    expect(text("gleaner/x/work/cpuset.cpus")).toBe("0,3");
    cpus.confine(null);
    expect(text("gleaner/x/self/cpuset.cpus")).toBe("");
  });

  test("that do not exist allow any CPU, but no particular ones", () => {
    expect(() => noConfinement.confine(null)).not.toThrow();
    expect(() => noConfinement.confine([1])).toThrow(/no cpuset controller/);
  });
});

describe("GPU files", () => {
  const filesBefore = () => join(folder, "gpu");
  const devices = ["/dev/null", "/dev/zero", "/dev/full"];
  const make = () => {
    // By number, 10 after 2.
    for (const [index, name] of ["gpu0", "gpu2", "gpu10"].entries())
      symlinkSync(devices[index]!, join(folder, name));
    writeFileSync(join(folder, "gpuctl"), "");
  };

  test("of others are inaccessible, in the order of their numbers", () => {
    make();
    expect(rulesAgainstOthers(filesBefore(), [])).toEqual(["c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm"]);
    expect(rulesAgainstOthers(filesBefore(), [1])).toEqual(["c 1:3 rwm", "c 1:7 rwm"]);
    expect(rulesAgainstOthers(filesBefore(), [0, 1, 2])).toEqual([]);
  });

  test("that do not exist are ignored, and a missing one is reported", () => {
    expect(existsSync(filesBefore())).toBe(false);
    expect(rulesAgainstOthers(filesBefore(), [0])).toBeNull();
    expect(rulesAgainstOthers(null, [0])).toBeNull();
    make();
    expect(() => rulesAgainstOthers(filesBefore(), [3])).toThrow(/GPU 3 has no device file/);
  });

  test("are announced to their function by their numbers on the node, or from 0 if it sees no others", () => {
    expect(gpuEnvironment([1, 3], false)).toEqual({
      CUDA_VISIBLE_DEVICES: "1,3",
      GLEANER_GPUS: "1,3",
      SLURM_JOB_GPUS: "1,3",
      SLURM_GPUS_ON_NODE: "2",
    });
    expect(gpuEnvironment([1, 3], true).CUDA_VISIBLE_DEVICES).toBe("0,1");
    expect(gpuEnvironment([], true)).toEqual({
      CUDA_VISIBLE_DEVICES: "",
      GLEANER_GPUS: "",
    });
  });
});
