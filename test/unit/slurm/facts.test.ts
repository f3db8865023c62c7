// Partitions and configuration, read from what Slurm 22.05, 24.11 and 26.05 really printed.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { readFacts } from "../../../src/slurm/facts.js";
import { type MemoryLimit, readPartitions } from "../../../src/slurm/partitions.js";

const recorded = (version: string, file: string) =>
  readFileSync(new URL(`recorded/${version}/${file}.txt`, import.meta.url));

describe.each(["22.05", "24.11", "26.05"])("recorded output of %s", (version) => {
  const unreadable: string[] = [];
  const records = readPartitions(recorded(version, "partitions"), unreadable);

  test("partitions", () => {
    expect(unreadable).toEqual([]);
    expect(records.map((record) => record.partition)).toEqual([
      {
        name: "batch",
        state: "UP",
        nodes: ["n1", "n2", "n3", "n4", "n5", "n6"],
        isDefault: true,
        maxTimeMs: null,
        overSubscribe: "NO",
        priorityTier: 10,
        preemptMode: "OFF",
        graceMs: 0,
      },
      {
        name: "gpu",
        state: "UP",
        nodes: ["n1", "n2", "n3"],
        isDefault: false,
        maxTimeMs: 36 * 3_600_000,
        overSubscribe: "FORCE:4",
        priorityTier: 1,
        preemptMode: "CANCEL",
        graceMs: 0,
      },
      {
        name: "hidden",
        state: "DRAIN",
        nodes: ["n4", "n6"],
        isDefault: false,
        maxTimeMs: 30 * 60_000,
        overSubscribe: "EXCLUSIVE",
        priorityTier: 1,
        preemptMode: "CANCEL",
        graceMs: 0,
      },
      {
        name: "cloud",
        state: "UP",
        nodes: ["cloud01", "cloud02"],
        isDefault: false,
        maxTimeMs: null,
        overSubscribe: "NO",
        priorityTier: 1,
        preemptMode: "CANCEL",
        graceMs: 0,
      },
    ]);
  });

  test("gives facts, with a partition's larger memory limit", () => {
    const limits = records.map((record) => record.memoryLimit);
    expect(readFacts(recorded(version, "config"), limits)).toEqual({
      clusterName: "recorded",
      version: expect.stringMatching(`^${version}`),
      prologs: [expect.stringMatching(/\/pro\.sh$/)],
      epilogs: [expect.stringMatching(/\/epi\.sh$/)],
      prologFlags: ["Alloc", "Serial"],
      runsPrologs: true,
      pluginStack: expect.stringMatching(/^\/.*srec.*\/plugstack\.conf$/),
      slurmdSpoolDirectory: expect.stringMatching(/\/spool\/%n$/),
      jobsArePinned: false,
      memoryIsConsumable: true,
      coreSpecIsHidden: false,
      preemptType: "preempt/partition_prio",
      preemptExemptMs: 0,
      maxMemoryPerCoreMb: 4_000,
    });
  });
});

describe("readFacts", () => {
  const facts = (lines: string[], limits: MemoryLimit[] = []) =>
    readFacts(Buffer.from(["ClusterName = c", ...lines, "SLURM_VERSION = 1"].join("\n")), limits);

  test("finds the plugstack.conf", () => {
    const conf = "SLURM_CONF = /etc/slurm/slurm.conf";
    expect(facts([conf, "PlugStackConfig = /a/stack"]).pluginStack).toBe("/a/stack");
    expect(facts([conf, "PlugStackConfig = (null)"]).pluginStack).toBe("/etc/slurm/plugstack.conf");
    expect(facts([]).pluginStack).toBeNull();
  });

  test.each([
    [["Prolog = (null)"], []],
    [["Prolog = /a,/b"], ["/a", "/b"]],
    [
      ["Prolog[0] = /a", "Prolog[1] = /b", "PrologFlags = X"],
      ["/a", "/b"],
    ],
    [["Prolog[0]  = (null)"], []],
    [["SrunProlog = /no", "PrologSlurmctld[0] = /no"], []],
  ])("finds the programs of %j", (lines, programs) => {
    expect(facts(lines).prologs).toEqual(programs);
  });

  test.each([
    [[], true],
    [["PrEpPlugins             = prep/script"], true],
    [["PrEpPlugins = prep/site,script"], true],
    [["PrEpPlugins             ="], false],
    [["PrEpPlugins = (null)"], false],
    [["PrEpPlugins = prep/site,prep/scripts"], false],
  ])("%j: whether slurmd runs prologs is %j", (lines, runs) => {
    expect(facts(lines).runsPrologs).toBe(runs);
  });

  test.each([
    [["TaskPlugin = task/none"], false],
    [["TaskPlugin = (null)"], false],
    [["TaskPlugin = task/affinity"], true],
    [["TaskPlugin = task/cgroup,task/affinity"], true],
    [[], true],
  ])("determines whether jobs are pinned with %j", (lines, pinned) => {
    expect(facts(lines).jobsArePinned).toBe(pinned);
  });

  test.each([
    ["CR_CORE_MEMORY", true],
    ["CR_CPU_Memory,CR_LLN", true],
    ["CR_CORE", false],
    ["NONE", false],
  ])("determines whether memory is consumable with %s", (parameters, consumable) => {
    const line = `SelectTypeParameters = ${parameters}`;
    expect(facts([line]).memoryIsConsumable).toBe(consumable);
  });

  test.each([
    [["AllowSpecResourcesUsage = No"], "22.05.8", false],
    [["AllowSpecResourcesUsage = Yes"], "22.05.8", true],
    [["AllowSpecResourcesUsage = yes"], "23.02.0", false],
    [["AllowSpecResourcesUsage = 1"], "unknown", true],
    [[], "22.05.8", false],
  ])("determines whether -S is hidden from prologs with %j of %s", (lines, version, isHidden) => {
    expect(facts([`SLURM_VERSION = ${version}`, ...lines]).coreSpecIsHidden).toBe(isHidden);
  });

  const inherited: MemoryLimit = { kind: "inherited" };
  test.each([
    ["MaxMemPerCPU = 2000", [inherited, { kind: "perCore", mb: 1_000 }], 2_000],
    ["MaxMemPerCPU = 2000", [{ kind: "perCore", mb: 1_000 }], 1_000],
    ["MaxMemPerCPU = 2000", [inherited, { kind: "perNode" }], null],
    ["MaxMemPerNode = UNLIMITED", [{ kind: "perCore", mb: 1_000 }, inherited], null],
    ["MaxMemPerNode = 8000", [], null],
    ["MaxMemPerCPU = 2000", [], 2_000],
  ] as [string, MemoryLimit[], number | null][])("a bound for %s, %j", (line, limits, boundMb) => {
    expect(facts([line], limits).maxMemoryPerCoreMb).toBe(boundMb);
  });

  test("refuses other output in one sentence", () => {
    expect(() => readFacts(Buffer.from("hello = world"), [])).toThrow(/no ClusterName/);
  });
});

test("an unreadable partition is noted", () => {
  const unreadable: string[] = [];
  const output = Buffer.from("PartitionName=a Nodes=n[1-\nhello\nPartitionName=b Nodes=(null)\n");
  const names = readPartitions(output, unreadable).map((record) => record.partition.name);
  expect(names).toEqual(["b"]);
  expect(unreadable).toEqual(["PartitionName=a Nodes=n[1-", "hello"]);
});
