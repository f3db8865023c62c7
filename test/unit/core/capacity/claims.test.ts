// Holes by name: the cores that pinned jobs leave, GPUs by index, and the idle rest of exclusive
// jobs.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { findHoles } from "../../../../src/core/capacity/holes.js";
import { makePlan } from "../../../../src/core/capacity/plan.js";
import { jobId, nodeName } from "../../../../src/model/ids.js";
import type { Job } from "../../../../src/model/slurm/job.js";
import type { JobShare } from "../../../../src/model/slurm/job-share.js";
import type { Node } from "../../../../src/model/slurm/node.js";
import { context, executor, facts, job, node, policy, snapshot } from "../../../support/nouns.js";

const n1 = nodeName("n1");
const pinned = { ...facts, jobsArePinned: true };

interface Held {
  readonly cpuIds: readonly number[];
  readonly gpus?: readonly number[] | null;
  readonly asked?: number | null;
  readonly partition?: string;
}

/** One node with jobs 1, 2, 3 … that hold these. */
function site(held: readonly Held[], change: Partial<Node> = {}) {
  const taken = held.reduce((sum, { cpuIds }) => sum + cpuIds.length, 0);
  const jobs: Job[] = held.map(({ cpuIds: { length: cores }, partition = "batch" }, index) =>
    job({ id: jobId(index + 1), state: "RUNNING", nodes: [n1], cores, partition }),
  );
  const shares = new Map<Job["id"], JobShare>(
    held.map(({ cpuIds, gpus = [], asked = null }, index) => [
      jobId(index + 1),
      { byNode: new Map([[n1, { cpuIds, memoryMb: 100, gpus }]]), askedCpusPerNode: asked },
    ]),
  );
  const baseState = taken === 0 ? "IDLE" : taken < 16 ? "MIXED" : "ALLOCATED";
  const nodes = [node({ baseState, allocatedCores: taken, ...change })];
  return snapshot({ facts: pinned, nodes, jobs, shares });
}
const holesOf = (of: ReturnType<typeof site>, change: Partial<typeof policy> = {}) =>
  findHoles(of, { ...policy, ...change }, context());

describe("pinned jobs", () => {
  test("leave the other cores to functions, by Slurm's numbers", () => {
    const { holes } = holesOf(site([{ cpuIds: [0, 1] }, { cpuIds: [5] }]));
    expect(holes[0]!.free).toMatchObject({
      cores: 13,
      cpuIds: [2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    });
  });

  test("do not exist on an idle node, which therefore has no core numbers", () => {
    expect(holesOf(site([])).holes[0]!.free).not.toHaveProperty("cpuIds");
  });

  test("leave specialised cores to nobody", () => {
    const change = { cores: 14, cpuTotal: 16, specialisedCpuIds: [6, 7] };
    const { holes } = holesOf(site([{ cpuIds: [0, 1, 2, 3, 4, 5] }], change));
    expect(holes[0]!.free).toMatchObject({ cores: 8, cpuIds: [8, 9, 10, 11, 12, 13, 14, 15] });
  });

  test.each([
    ["a job whose cores are not told", { shares: new Map() }, "which cores job 1 has"],
    [
      "a job that only the node's record knows",
      { jobs: [] },
      "a job started or changed its size while Gleaner read Slurm",
    ],
  ])("leave the node unused because of %s", (_what, change, why) => {
    const { holes, unusable } = holesOf({ ...site([{ cpuIds: [0, 1] }]), ...change });
    expect(holes).toEqual([]);
    expect(unusable[0]!.reason).toMatchObject({ kind: "pinned" });
    expect((unusable[0]!.reason as { why: string }).why).toContain(why);
  });

  test("leave the node unused if Slurm does not name its specialised cores", () => {
    const { unusable } = holesOf(site([{ cpuIds: [0] }], { specialisedCpuIds: null }));
    expect(unusable[0]!.reason.kind).toBe("pinned");
  });

  test("never have a core that a plan's budget names, and the budget names all its cores", () => {
    const some = fc.array(fc.uniqueArray(fc.nat(15), { minLength: 1, maxLength: 6 }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(some, fc.nat(16), fc.boolean(), (lists, allocatedCores, completing) => {
        const of = site(
          lists.map((cpuIds) => ({ cpuIds })),
          { allocatedCores, baseState: "MIXED", flags: completing ? ["COMPLETING"] : [] },
        );
        const executors = completing ? [executor()] : [];
        const input = { snapshot: of, executors, policy, context: context(), maxStarts: 9 };
        for (const step of makePlan(input).steps) {
          if (step.kind !== "start" && step.kind !== "resize") continue;
          if (allocatedCores === 0) continue;
          const { cores, cpuIds } = step.budget;
          expect(cpuIds!.length).toBeGreaterThanOrEqual(cores);
          expect(cores).toBeLessThanOrEqual(16 - allocatedCores);
          for (const id of lists.flat()) expect(cpuIds).not.toContain(id);
        }
      }),
    );
  });

  test("leave a waiting executor unchanged until their cores are known", () => {
    const of = { ...site([{ cpuIds: [0, 1] }]), shares: new Map() };
    const input = { snapshot: of, executors: [executor()], policy, context: context() };
    expect(makePlan({ ...input, maxStarts: 1 }).steps).toEqual([]);
  });
});

describe("GPUs", () => {
  const untold = { gpuCount: 4, allocatedGpus: [0, 1, 2, 3], untoldGpuCount: 2 };
  const unpinned = (held: Held[], change: Partial<Node>) => ({ ...site(held, change), facts });

  test("are taken from the jobs if the node's record does not name them", () => {
    const of = unpinned(
      [
        { cpuIds: [0], gpus: [2] },
        { cpuIds: [1], gpus: [0] },
      ],
      untold,
    );
    expect(holesOf(of).holes[0]!.free.gpus).toEqual([1, 3]);
  });

  test.each([
    ["does not name its own", [{ cpuIds: [0], gpus: null }]],
    ["names fewer than are taken", [{ cpuIds: [0], gpus: [2] }]],
  ])("stay taken if a job %s", (_what, held) => {
    expect(holesOf(unpinned(held as Held[], untold)).holes[0]!.free.gpus).toEqual([]);
  });
});

describe("the idle rest under an exclusive job", () => {
  const all = Array.from({ length: 16 }, (_, id) => id);
  const given = { exclusivePartitions: ["whole"] };
  const whole = { cpuIds: all, asked: 4, partition: "whole" };

  test("is a hole where the site allows it: all that its tasks did not request", () => {
    const { holes } = holesOf(site([whole], { allocatedMemoryMb: 8_000 }), given);
    expect(holes[0]).toMatchObject({ kind: "fragment", free: { cores: 12, memoryMb: 23_500 } });
    expect(holes[0]!.free).not.toHaveProperty("cpuIds");
  });

  test.each([
    ["by default", whole, {}],
    ["in another partition", { ...whole, partition: "batch" }, given],
    ["of a job that asked for nothing in particular", { ...whole, asked: null }, given],
  ])("is no hole %s", (_what, held, change) => {
    expect(holesOf(site([held]), change).unusable[0]!.reason.kind).toBe("full");
  });

  test("is empty if two jobs fill the node", () => {
    const two = [
      { ...whole, cpuIds: all.slice(0, 8) },
      { ...whole, cpuIds: all.slice(8) },
    ];
    expect(holesOf(site(two), given).unusable[0]!.reason.kind).toBe("full");
  });
});
