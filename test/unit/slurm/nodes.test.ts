// Nodes, read from what Slurm 22.05, 24.11 and 26.05 really printed.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Node } from "../../../src/model/slurm/node.js";
import { readNodeLine, readNodes, readState } from "../../../src/slurm/nodes.js";

const recorded = (version: string) =>
  readFileSync(new URL(`recorded/${version}/nodes.txt`, import.meta.url));

function readRecorded(version: string): Map<string, Node> {
  const unreadable: string[] = [];
  const nodes = readNodes(recorded(version), unreadable);
  expect(unreadable).toEqual([]);
  return new Map(nodes.map((node) => [node.name, node]));
}

describe.each(["22.05", "24.11", "26.05"])("recorded output of %s", (version) => {
  const nodes = readRecorded(version);

  test("gives a partly used node with free GPUs, where a job is completing", () => {
    expect(nodes.get("n1")).toMatchObject({
      name: "n1",
      address: "127.0.0.1",
      hostName: "localhost",
      baseState: "MIXED",
      flags: expect.arrayContaining(["COMPLETING"]),
      cores: 16,
      memoryMb: 32_000,
      gpuCount: 2,
      allocatedGpus: [],
      partitions: ["batch", "gpu"],
      owner: null,
      mcsLabel: null,
      reason: null,
      version: expect.stringMatching(`^${version}`),
    });
  });

  test("gives a node in maintenance, owned by a user, with all its GPUs taken", () => {
    expect(nodes.get("n2")).toMatchObject({
      baseState: "MIXED",
      flags: ["MAINTENANCE", "RESERVED"],
      allocatedCores: 3,
      allocatedMemoryMb: 3_000,
      gpuCount: 2,
      allocatedGpus: [0, 1],
      owner: "root",
    });
  });

  test("gives both GPUs without a type as allocated if Slurm does not report which one is", () => {
    expect(nodes.get("n3")).toMatchObject({ gpuCount: 2, allocatedGpus: [0, 1] });
  });

  test("excludes specialised cores and memory", () => {
    expect(nodes.get("n4")).toMatchObject({
      baseState: "IDLE",
      flags: ["PLANNED"],
      cores: 14,
      memoryMb: 30_000,
      gpuCount: 0,
      allocatedGpus: [],
    });
  });

  test("gives a reason that looks like fields only as a reason", () => {
    expect(nodes.get("n5")).toMatchObject({
      baseState: "IDLE",
      flags: ["DRAIN", "NOT_RESPONDING"],
      allocatedCores: 0,
      reason: expect.stringMatching(
        /^disk is bad State=IDLE \[root@20.*Z\] +second line CPUAlloc=0$/,
      ),
    });
  });

  test("gives a node that never registered, with a comment that looks like a field", () => {
    expect(nodes.get("n6")).toMatchObject({
      baseState: "DOWN",
      flags: ["NOT_RESPONDING"],
      allocatedCores: 0,
      reason: expect.stringMatching(/^never came \[root@/),
      version: null,
    });
  });
});

test.each(["24.11", "26.05"])("%s also lists cloud nodes that are powered down", (version) => {
  expect(readRecorded(version).get("cloud01")).toMatchObject({
    baseState: "IDLE",
    flags: ["CLOUD", "POWERED_DOWN"],
  });
});

describe("readState", () => {
  test.each([
    ["IDLE", "IDLE", []],
    ["MIXED*", "MIXED", ["NOT_RESPONDING"]],
    ["DOWN*+DRAIN", "DOWN", ["NOT_RESPONDING", "DRAIN"]],
    ["ALLOCATED+COMPLETING*", "ALLOCATED", ["COMPLETING", "NOT_RESPONDING"]],
    ["IDLE~", "IDLE", ["POWERED_DOWN"]],
    ["IDLE#", "IDLE", ["POWERING_UP"]],
    ["IDLE%", "IDLE", ["POWERING_DOWN"]],
    ["IDLE!", "IDLE", ["POWER_DOWN"]],
    ["IDLE$", "IDLE", ["MAINTENANCE"]],
    ["IDLE@", "IDLE", ["REBOOT_REQUESTED"]],
    ["IDLE^", "IDLE", ["REBOOT_ISSUED"]],
    ["IDLE-", "IDLE", ["PLANNED"]],
    ["IDLE+CLOUD+POWERED_DOWN", "IDLE", ["CLOUD", "POWERED_DOWN"]],
    ["idle+drain", "IDLE", ["DRAIN"]],
    ["MIXED+SOMETHING_NEW", "MIXED", ["SOMETHING_NEW"]],
    ["BRANDNEW+DRAIN", "UNKNOWN", ["BRANDNEW", "DRAIN"]],
    ["", "UNKNOWN", []],
  ])("%s", (text, baseState, flags) => {
    expect(readState(text)).toEqual({ baseState, flags });
  });
});

describe("lines that cannot be read", () => {
  const line = recorded("22.05").toString().split("\n")[0]!;

  test.each(["NodeName", "State", "CPUEfctv", "CPUAlloc", "RealMemory", "AllocMem"])(
    "%s says nothing that can be understood: the node is missing, its line is kept",
    (key) => {
      const broken = line.replace(
        new RegExp(`${key}=[^ ]*`),
        key === "State" ? "State=" : `${key}=`,
      );
      const unreadable: string[] = [];
      expect(readNodes(Buffer.from(`${broken}\n${line}\n`), unreadable)).toHaveLength(1);
      expect(unreadable).toEqual([broken.slice(0, 200)]);
    },
  );

  test("do not prevent subtracting the CPUs of specialised cores if CPUEfctv is missing", () => {
    const old = line.replace("CPUEfctv=16 ", "").replace("ThreadsPerCore=1", "ThreadsPerCore=2");
    expect(readNodeLine(`${old} CoreSpecCount=2`)?.cores).toBe(12);
  });

  test("never cause an exception: each line is a node or is noted", () => {
    const words = fc.constantFrom(
      ...line.split(" "),
      "State=IDLE+DRAIN",
      "CPUAlloc=-1",
      "Gres=gpu:",
    );
    const lines = fc.oneof(
      fc.string(),
      fc.array(words).map((list) => `NodeName=x ${list.join(" ")}`),
    );
    fc.assert(
      fc.property(fc.array(lines), (list) => {
        const unreadable: string[] = [];
        const output = list.join("\n");
        const nodes = readNodes(Buffer.from(output), unreadable);
        const total = output.split("\n").filter((text) => text !== "").length;
        expect(Math.min(20, total - nodes.length)).toBe(unreadable.length);
      }),
    );
  });
});
