// Whatever the snapshot: what is planned never exceeds what is free, and doubt starts nothing.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { findHoles } from "../../src/core/capacity/holes.js";
import { makePlan } from "../../src/core/capacity/plan.js";
import { subtract } from "../../src/model/resources.js";
import { gresFit, gresWithout } from "../../src/model/slurm/gres-counts.js";
import { anyExecutors, anySnapshot, context, policy } from "../support/nouns.js";

const runs = { numRuns: 2_000 };

const planOf = (
  snapshot: Parameters<typeof makePlan>[0]["snapshot"],
  executors: Parameters<typeof makePlan>[0]["executors"],
) => makePlan({ snapshot, executors, policy, context: context(), maxStarts: 8 });

describe("plans", () => {
  test("never give an executor more than is free on its node", () => {
    fc.assert(
      fc.property(anySnapshot, anyExecutors, (snapshot, executors) => {
        const plan = planOf(snapshot, executors);
        for (const step of plan.steps) {
          if (step.kind !== "start" && step.kind !== "resize") continue;
          const node = snapshot.nodes.find((each) => each.name === step.node)!;
          expect(step.budget.cores).toBeLessThanOrEqual(
            Math.max(0, node.cores - node.allocatedCores),
          );
          if (step.kind === "start" || step.reason !== "a job is completing on this node")
            expect(step.budget.memoryMb).toBeLessThanOrEqual(
              Math.max(0, node.memoryMb - node.allocatedMemoryMb - policy.memoryMarginMb),
            );
          for (const gpu of step.budget.gpus) {
            expect(gpu).toBeLessThan(node.gpuCount);
            expect(node.allocatedGpus).not.toContain(gpu);
          }
          const { total, allocated } = node.countedGres ?? { total: {}, allocated: {} };
          expect(gresFit(step.budget.gres, gresWithout(total, allocated))).toBe(true);
        }
      }),
      runs,
    );
  });

  test("start nothing from a stale snapshot, on a doubtful node, or beside an executor", () => {
    fc.assert(
      fc.property(anySnapshot, anyExecutors, (snapshot, executors) => {
        const plan = planOf(snapshot, executors);
        const stale = 100_000 - snapshot.nodesAskedAtMs > policy.staleMs;
        for (const step of plan.steps) {
          if (step.kind !== "start") continue;
          expect(stale).toBe(false);
          const node = snapshot.nodes.find((each) => each.name === step.node)!;
          expect(["IDLE", "MIXED"]).toContain(node.baseState);
          for (const flag of node.flags) expect(["CLOUD", "PLANNED"]).toContain(flag);
          expect(node.owner).toBeNull();
          const there = executors.filter(
            (each) => each.node === step.node && each.state !== "gone",
          );
          expect(there).toEqual([]);
        }
      }),
      runs,
    );
  });

  test("touch each executor at most once, and start at most maxStarts executors", () => {
    fc.assert(
      fc.property(anySnapshot, anyExecutors, (snapshot, executors) => {
        const { steps } = planOf(snapshot, executors);
        const nodes = steps.map((step) => step.node);
        expect(new Set(nodes).size).toBe(nodes.length);
        expect(steps.filter((step) => step.kind === "start").length).toBeLessThanOrEqual(8);
      }),
      runs,
    );
  });
});

describe("holes", () => {
  test("every node is either a hole or has a reason", () => {
    fc.assert(
      fc.property(anySnapshot, (snapshot) => {
        const { holes, unusable } = findHoles(snapshot, policy, context());
        const named = [...holes, ...unusable].map((each) => each.node).sort();
        expect(named).toEqual(snapshot.nodes.map((each) => each.name).sort());
      }),
      runs,
    );
  });

  test("do not exist without an assured hook", () => {
    fc.assert(
      fc.property(anySnapshot, (snapshot) => {
        const { holes } = findHoles(snapshot, policy, context({ hookProblem: "no Prolog=" }));
        expect(holes).toEqual([]);
      }),
    );
  });
});

describe("resources", () => {
  test("never fall below zero when subtracted, and never regain what was taken", () => {
    const amounts = fc.record({
      cores: fc.nat(200),
      memoryMb: fc.nat(1_000),
      gpus: fc.subarray([0, 1, 2, 3]),
    });
    fc.assert(
      fc.property(amounts, amounts, (from, taken) => {
        const left = subtract(from, taken);
        expect(left.cores).toBe(Math.max(0, from.cores - taken.cores));
        expect(left.memoryMb).toBeGreaterThanOrEqual(0);
        for (const gpu of taken.gpus) expect(left.gpus).not.toContain(gpu);
      }),
    );
  });
});
