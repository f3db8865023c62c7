// GRES lists and the GPUs in them.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { readCountedGres, readGpus, readGres } from "../../../src/slurm/gres.js";

describe("readGres", () => {
  const counted = { isCounted: true };

  test("reads types, counts, sockets and several entries", () => {
    expect(readGres("gpu:a100:2(S:0-1),gpu:v100:1,craynetwork:4,bandwidth:2K")).toEqual([
      { name: "gpu", type: "a100", count: 2, indices: null, ...counted },
      { name: "gpu", type: "v100", count: 1, indices: null, ...counted },
      { name: "craynetwork", type: null, count: 4, indices: null, ...counted },
      { name: "bandwidth", type: null, count: 2_048, indices: null, ...counted },
    ]);
  });

  test("reads indices with commas within the parentheses", () => {
    expect(readGres("gpu:a100:3(IDX:0,2-3),gpu:v100:0(IDX:N/A)")).toEqual([
      { name: "gpu", type: "a100", count: 3, indices: [0, 2, 3], ...counted },
      { name: "gpu", type: "v100", count: 0, indices: [], ...counted },
    ]);
  });

  test("reads the type (null) as no type, and no_consume not as a type", () => {
    expect(readGres("gpu:(null):2(IDX:0-1),shard:lustre:no_consume:4,mps:no_consume:1")).toEqual([
      { name: "gpu", type: null, count: 2, indices: [0, 1], ...counted },
      { name: "shard", type: "lustre", count: 4, indices: null, isCounted: false },
      { name: "mps", type: null, count: 1, indices: null, isCounted: false },
    ]);
  });

  test("counts one, or the number of indices, if the count is missing", () => {
    expect(readGres("gpu,gpu:a100,gpu(IDX:0-1)")).toEqual([
      { name: "gpu", type: null, count: 1, indices: null, ...counted },
      { name: "gpu", type: "a100", count: 1, indices: null, ...counted },
      { name: "gpu", type: null, count: 2, indices: [0, 1], ...counted },
    ]);
  });

  test("ignores a list with more indices than any node has", () => {
    expect(readGres("gpu:1(IDX:0-1023)")[0]!.indices).toHaveLength(1_024);
    for (const text of ["0-1024", "0-1023,0", "9-9999"])
      expect(readGres(`gpu:1(IDX:${text})`)[0]!.indices).toBeNull();
  });

  test("reads no entries from (null) and from nothing", () => {
    expect(readGres("(null)")).toEqual([]);
    expect(readGres("")).toEqual([]);
  });

  test("never throws", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[gpu:0-9,()IDX-]{0,30}$/));
    fc.assert(
      fc.property(text, text, (gres, used) => {
        const { gpuCount, allocatedGpus } = readGpus(gres, used);
        expect(gpuCount).toBeGreaterThanOrEqual(0);
        expect(new Set(allocatedGpus).size).toBe(allocatedGpus.length);
      }),
      { numRuns: 500 },
    );
  });
});

describe("readGpus", () => {
  test.each([
    ["gpu:a100:4", "gpu:a100:3(IDX:0,2-3)", [0, 2, 3]],
    ["gpu:a100:2,gpu:v100:2", "gpu:a100:1(IDX:1),gpu:v100:2(IDX:2-3)", [1, 2, 3]],
    ["gpu:a100:4", "gpu:a100:0(IDX:N/A)", []],
    ["gpu:2", "gpu:0", []],
  ])("%s used %s", (gres, used, allocated) => {
    expect(readGpus(gres, used).allocatedGpus).toEqual(allocated);
  });

  test.each([
    ["a count without indices", "gpu:2", "gpu:1", 1],
    ["fewer indices than the count", "gpu:a100:2", "gpu:a100:2(IDX:0)", 2],
    ["indices that cannot be read", "gpu:a100:2", "gpu:a100:1(IDX:x)", 1],
    ["shards", "gpu:a100:2,shard:8", "gpu:a100:0(IDX:N/A),shard:a100:3(3/4,0/4)", null],
    ["no GresUsed", "gpu:a100:2", null, null],
  ])("%s: all GPUs count as allocated", (_, gres, used, untoldGpuCount) => {
    expect(readGpus(gres, used)).toEqual({
      gpuCount: 2,
      allocatedGpus: [0, 1],
      untoldGpuCount,
      gpuProblem: expect.any(String),
    });
  });
});

describe("the resources that Slurm only counts", () => {
  const counted = (gres: string, used: string | null, drain: string | null = null) =>
    readCountedGres(gres, used, drain).countedGres;

  test("are all but GPUs and their shares, whatever their types", () => {
    const gres = "gpu:2,shard:8,mps:100,nvme:fast:2,nvme:slow:1,tape:2K";
    const used = "gpu:0(IDX:N/A),shard:0,mps:0,nvme:fast:1,nvme:slow:0,tape:24";
    expect(counted(gres, used)).toEqual({
      total: { nvme: 3, tape: 2048 },
      allocated: { nvme: 1, tape: 24 },
    });
    expect(counted("gpu:2", "gpu:0(IDX:N/A)")).toBeUndefined();
    expect(counted("(null)", "gpu:0")).toBeUndefined();
  });

  test("have no devices, and are those of which Slurm tells how many are used", () => {
    expect(counted("nvme:2", null)).toBeUndefined();
    expect(counted("nvme:2,tape:1", "tape:1")?.total).toEqual({ tape: 1 });
    expect(counted("lustre:no_consume:4", "lustre:0")).toBeUndefined();
    expect(counted("fpga:2,nvme:2", "fpga:1(IDX:0),nvme:0")?.total).toEqual({ nvme: 2 });
  });

  test("do not include what drains", () =>
    expect(counted("nvme:2", "nvme:0", "nvme:1")?.total).toEqual({ nvme: 1 }));
});
