// Node records of many sites and releases, from the text to the hole that comes of it.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { findHoles, type HolePolicy } from "../../../src/core/capacity/holes.js";
import { readNodeLine } from "../../../src/slurm/nodes.js";
import { context, policy, snapshot } from "../../support/nouns.js";

const rules: HolePolicy = { ...policy, memoryMarginMb: 512, minimumMemoryMb: 64 };

function outcomeOf(record: string) {
  const node = readNodeLine(record);
  if (node === null) throw new Error(`not read: ${record}`);
  const { holes, unusable } = findHoles(snapshot({ nodes: [node] }), rules, context());
  return { hole: holes[0] ?? null, reason: unusable[0]?.reason ?? null };
}

describe("recorded nodes", () => {
  const text = readFileSync(new URL("recorded/odd-nodes.txt", import.meta.url), "utf8");
  const records = new Map(
    text.split("\n").map((line) => [/^NodeName=(\S+)/.exec(line)?.[1] ?? "", line]),
  );
  const none: readonly number[] = [];

  test.each([
    ["a1", "a type of (null) for shards that have none", 8, 7_488, [0, 1, 2, 3], null],
    ["a2", "a type of (null) for GPUs that have none", 8, 7_488, [0, 1], null],
    ["a3", "MIG slices", 60, 489_488, none, /MIG, type a100_1g\.10gb/],
    ["a5", "specialised cores and memory", 104, 1_287_392, none, null],
    ["a6", "no GresUsed beside a job", 6, 1_488, none, /no GresUsed/],
    ["a7", "times with spaces and a zone", 128, 1_570_328, none, null],
    ["a10", "no GresUsed on an idle node", 144, 979_276, none, /no GresUsed/],
    ["a11", "shards in use", 10, 67_288, none, /parts of its GPUs \(shard\)/],
  ])("%s: %s", (name, _what, cores, memoryMb, gpus, problem) => {
    const { hole } = outcomeOf(records.get(name)!);
    expect(hole!.free).toEqual({ cores, memoryMb, gpus });
    if (problem === null) expect(hole!.gpuProblem).toBeUndefined();
    else expect(hole!.gpuProblem).toMatch(problem);
  });

  test.each([
    ["a8", "in maintenance", { kind: "state", flag: "DRAIN" }],
    ["a9", "down, whatever its reason says", { kind: "state", flag: "DOWN" }],
  ])("%s: %s has no hole", (name, _what, reason) => {
    expect(outcomeOf(records.get(name)!)).toEqual({ hole: null, reason });
  });

  test.each([
    ["Owner=bob(1001) MCS_label=N/A", { kind: "owner", owner: "bob" }],
    ["Owner=N/A MCS_label=secret", { kind: "owner", owner: "secret", isLabel: true }],
  ])("a node with %s takes no others", (owner, reason) => {
    const record = records
      .get("a3")!
      .replace(" State=MIXED", ` State=MIXED ThreadsPerCore=1 ${owner}`);
    expect(outcomeOf(record)).toEqual({ hole: null, reason });
  });
});

describe("GPUs in a record", () => {
  const idle = "CPUAlloc=0 CPUEfctv=8 CPUTot=8 RealMemory=8000 AllocMem=0 State=IDLE Partitions=p";
  const gpusOf = (gres: string) => {
    const { hole } = outcomeOf(`NodeName=n1 ${idle} ${gres}`);
    return { gpus: hole!.free.gpus, problem: hole!.gpuProblem ?? null };
  };

  test.each([
    ["one type", "Gres=gpu:a100:4(S:0-1) GresUsed=gpu:a100:2(IDX:0,2)", [1, 3]],
    [
      "two types",
      "Gres=gpu:k80:4,gpu:tesla:2 GresUsed=gpu:tesla:2(IDX:0,3),gpu:k80:1(IDX:5)",
      [1, 2, 4],
    ],
    ["ranges", "Gres=gpu:8 GresUsed=gpu:(null):5(IDX:0-2,5,7)", [3, 4, 6]],
    ["types with dots", "Gres=gpu:rtx.a6000:2 GresUsed=gpu:rtx.a6000:1(IDX:1)", [0]],
    [
      "a type that only has gb in it",
      "Gres=gpu:nvidia_a100-sxm4-40gb:2 GresUsed=gpu:nvidia_a100-sxm4-40gb:0(IDX:N/A)",
      [0, 1],
    ],
    ["no type in slurm.conf, one in gres.conf", "Gres=gpu:2 GresUsed=gpu:a100:0(IDX:N/A)", [0, 1]],
    [
      "MPS that nobody uses",
      "Gres=gpu:a100:2,mps:a100:200 GresUsed=gpu:a100:0(IDX:N/A),mps:a100:0(0/100,0/100)",
      [0, 1],
    ],
    [
      "shards that nobody uses",
      "Gres=gpu:a100:2(S:0),shard:a100:8(S:0) GresUsed=gpu:a100:1(IDX:0),shard:a100:0(0/4,0/4)",
      [1],
    ],
    [
      "one that drains",
      "Gres=gpu:a100:3 GresDrain=gpu:a100:1(IDX:1) GresUsed=gpu:a100:1(IDX:0)",
      [2],
    ],
  ])("%s", (_what, gres, gpus) => {
    expect(gpusOf(gres)).toEqual({ gpus, problem: null });
  });

  test.each([
    ["a slice without a model", "Gres=gpu:1g.5gb:7 GresUsed=gpu:1g.5gb:0(IDX:N/A)", /type 1g\.5gb/],
    [
      "slices beside whole ones",
      "Gres=gpu:a100:3,gpu:a100_3g.20gb:2 GresUsed=gpu:a100:0(IDX:N/A),gpu:a100_3g.20gb:0(IDX:N/A)",
      /MIG/,
    ],
    [
      "a site's own name for slices",
      "Gres=gpu:mig-small:7 GresUsed=gpu:mig-small:0(IDX:N/A)",
      /MIG/,
    ],
    ["MPS in use", "Gres=gpu:2,mps:200 GresUsed=gpu:0,mps:50", /\(mps\)/],
    [
      "shards in use without a type",
      "Gres=gpu:4,shard:16 GresUsed=gpu:0,shard:(null):3(0/4,3/4)",
      /\(shard\)/,
    ],
    ["a count without indices", "Gres=gpu:2 GresUsed=gpu:(null):1", /how many/],
    [
      "a type that GresUsed lacks",
      "Gres=gpu:a100:2,gpu:v100:2 GresUsed=gpu:a100:0(IDX:N/A)",
      /GresUsed/,
    ],
    [
      "only other resources in GresUsed",
      "Gres=gpu:2,craynetwork:4 GresUsed=craynetwork:0",
      /GresUsed/,
    ],
    ["an index that the node does not have", "Gres=gpu:2 GresUsed=gpu:1(IDX:7)", /GPU 7/],
    [
      "GPUs that Slurm does not count",
      "Gres=gpu:a100:no_consume:2 GresUsed=gpu:a100:0(IDX:N/A)",
      /no_consume/,
    ],
    ["a drain without indices", "Gres=gpu:3 GresDrain=gpu:1 GresUsed=gpu:0", /drain/],
    ["nothing of what is used", "Gres=gpu:3 GresUsed=(null)", /no GresUsed/],
  ])("are not used, with a reason: %s", (_what, gres, problem) => {
    const found = gpusOf(gres);
    expect(found.gpus).toEqual([]);
    expect(found.problem).toMatch(problem);
  });

  test.each([
    ["of one type", "Gres=gpu:a100:2(S:0),gpu:a100:2(S:1) GresUsed=gpu:a100:0(IDX:N/A)", false],
    ["of a type that only gres.conf has", "Gres=gpu:2 GresUsed=gpu:a100:0(IDX:N/A)", false],
    ["of two types", "Gres=gpu:k80:2,gpu:a100:2 GresUsed=(null)", true],
    [
      "of two types that only gres.conf has",
      "Gres=gpu:4 GresUsed=gpu:k80:1(IDX:0),gpu:a100:0(IDX:N/A)",
      true,
    ],
    ["none", "Gres=nvme:2", false],
  ])("%s: whether prologs are told only some is known", (_what, gres, expected) => {
    expect(readNodeLine(`NodeName=n1 ${idle} ${gres}`)!.gpusDiffer).toBe(expected);
  });

  test("cause no problem on a node without any", () => {
    expect(gpusOf("Gres=(null) GresUsed=gpu:0")).toEqual({ gpus: [], problem: null });
    expect(gpusOf("Gres=craynetwork:4")).toEqual({ gpus: [], problem: null });
  });
});
