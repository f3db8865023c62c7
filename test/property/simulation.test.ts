// The replay: equal to a plain model of it, to the millisecond; calculated calls equal followed
// ones; below its ceiling; repeatable.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { nodeName } from "../../src/model/ids.js";
import { measuredCosts } from "../../src/sim/costs.js";
import { policies, policyNamed } from "../../src/sim/policies.js";
import { type Replay, simulate } from "../../src/sim/simulate.js";
import { pack } from "../../src/sim/site/packing.js";
import { ShareList } from "../../src/sim/site/shares.js";
import type { Demand } from "../../src/sim/work/demand.js";
import {
  anyCosts,
  anyTrace,
  costsOf,
  plainReplay,
  saturating,
  traceOf,
} from "../support/simulation.js";

const replay = (change: Partial<Replay> & Pick<Replay, "trace">): Replay => ({
  demand: saturating(10),
  costs: measuredCosts,
  policy: policyNamed("none"),
  seed: 1,
  onProgress: () => undefined,
  ...change,
});

const anyDemand: fc.Arbitrary<Demand> = fc.record({
  durations: fc.oneof(
    fc.record({ kind: fc.constant("fixed" as const), ms: fc.integer({ min: 1, max: 60 }) }),
    fc.record({
      kind: fc.constant("uniform" as const),
      leastMs: fc.integer({ min: 1, max: 9 }),
      mostMs: fc.integer({ min: 9, max: 80 }),
    }),
    fc.record({
      kind: fc.constant("exponential" as const),
      meanMs: fc.integer({ min: 1, max: 40 }),
    }),
    fc.record({
      kind: fc.constant("lognormal" as const),
      medianMs: fc.integer({ min: 1, max: 40 }),
      sigma: fc.constantFrom(0.5, 1),
    }),
    fc.record({
      kind: fc.constant("trace" as const),
      calls: fc.constant([
        { functionName: "f", user: "a", startMs: 0, durationMs: 5 },
        { functionName: "g", user: "b", startMs: 3, durationMs: 40 },
      ]),
    }),
  ),
  arrivals: fc.oneof(
    fc.constant({ kind: "saturating" as const }),
    fc.constant({ kind: "rate" as const, perSecond: 200 }),
  ),
  memoryMb: fc.constant(1),
});

describe("the replay", () => {
  test.each([
    ["reckoned", false],
    ["followed", true],
  ])("of %s calls matches the plain model", (_name, followCalls) => {
    fc.assert(
      fc.property(anyTrace, anyCosts, fc.integer({ min: 1, max: 40 }), (small, costs, callMs) => {
        const { result } = simulate(
          replay({
            trace: traceOf(small),
            costs: costsOf(costs),
            demand: saturating(callMs),
            followCalls,
          }),
        );
        expect({
          idle: result.idleCoreMs,
          covered: result.coveredCoreMs,
          useful: result.usefulCoreMs,
          finished: result.invocations.finished,
          evicted: result.invocations.evicted,
          lost: result.lostToEvictionCoreMs,
        }).toEqual(plainReplay(small, costs, callMs));
      }),
      { numRuns: 400 },
    );
  });

  test("has parts that sum to the whole and stays below its ceilings, whatever the demand and the policy", () => {
    fc.assert(
      fc.property(
        anyTrace,
        anyCosts,
        anyDemand,
        fc.constantFrom(...policies),
        fc.nat(3),
        (small, costs, demand, policy, notice) => {
          const trace = traceOf(small);
          const { result, utilization } = simulate(
            replay({ trace, costs: { ...costsOf(costs), noticeMs: notice * 10 }, demand, policy }),
          );
          const close = (parts: readonly number[], whole: number) =>
            expect(Math.abs(parts.reduce((sum, each) => sum + each, 0) - whole)).toBeLessThan(
              0.001,
            );
          const { series, perNode, fromMs, toMs } = utilization;
          const width = (index: number) => (series[index + 1]?.atMs ?? toMs) - series[index]!.atMs;
          expect(series[0]!.atMs).toBe(fromMs);
          close(
            series.map((point, index) => point.usefulCores * width(index)),
            result.usefulCoreMs,
          );
          close(
            series.map((point, index) => point.coveredCores * width(index)),
            result.coveredCoreMs,
          );
          close(
            perNode.map((each) => each.idleCoreMs),
            result.idleCoreMs,
          );
          close([result.fragments.idleCoreMs, result.wholeNodes.idleCoreMs], result.idleCoreMs);
          close(
            result.holeClasses.map((each) => each.usefulCoreMs),
            result.usefulCoreMs,
          );
          expect(result.goodput).toBeLessThanOrEqual(result.coverage);
          expect(result.goodput).toBeLessThanOrEqual(result.ceiling.perfectKnowledge + 1e-12);
          expect(result.ceiling.perfectKnowledge).toBeLessThanOrEqual(result.ceiling.noStartup);
          expect(result.ceiling.noStartup).toBeLessThanOrEqual(1);
          const { finished, onTime } = result.invocations;
          expect(onTime).toBeLessThanOrEqual(finished);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("looks at empty slots alone where busy ones would change nothing", () => {
    fc.assert(
      fc.property(anyTrace, anyCosts, anyDemand, (small, costs, demand) => {
        const of = (offersAll: boolean) =>
          simulate(
            replay({
              trace: traceOf(small),
              costs: costsOf(costs),
              demand,
              policy: policyNamed("prediction"),
              offersAll,
            }),
          ).result;
        expect(of(false)).toEqual(of(true));
      }),
      {
        numRuns: 200,
        // Two holes of equal worth: the order of their nodes decided, with busy ones among them.
        examples: [
          [
            {
              cores: [1, 2, 2],
              shares: [
                { node: 1, cores: 1, memoryMb: 0, fromMs: 0, toMs: 48 },
                { node: 0, cores: 1, memoryMb: 0, fromMs: 48, toMs: 49 },
              ],
              lengthMs: 400,
            },
            { reactionMs: 1, startMs: 1, coldMs: 0 },
            {
              durations: { kind: "exponential", meanMs: 6 },
              arrivals: { kind: "saturating" },
              memoryMb: 1,
            },
          ],
        ],
      },
    );
  });

  test("gives the same figures for the same seed, and different ones for another", () => {
    const trace = traceOf({
      cores: [4, 4],
      shares: [{ node: 0, cores: 2, memoryMb: 0, fromMs: 100, toMs: 200 }],
      lengthMs: 2_000,
    });
    const demand: Demand = {
      durations: { kind: "exponential", meanMs: 30 },
      arrivals: { kind: "rate", perSecond: 50 },
      memoryMb: 1,
    };
    const run = (seed: number) => simulate(replay({ trace, demand, seed })).result;
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
  });
});

describe("packing", () => {
  test("never assigns a core twice, keeps the start times and places every job that fits", () => {
    const anyJobs = fc.array(
      fc.record({
        cores: fc.integer({ min: 1, max: 9 }),
        fromMs: fc.nat(50),
        lastsMs: fc.integer({ min: 1, max: 30 }),
      }),
      { maxLength: 25 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
        anyJobs,
        (cores, wishes) => {
          const nodes = cores.map((count, index) => ({
            name: nodeName(`n${index}`),
            cores: count,
            memoryMb: 100,
          }));
          const jobs = wishes.map(({ cores, fromMs, lastsMs }) => ({
            cores,
            memoryMb: 10,
            fromMs,
            toMs: fromMs + lastsMs,
          }));
          const shares = new ShareList();
          const unplaced = pack(jobs, nodes, (node, cores, memoryMb, { fromMs, toMs }) =>
            shares.add({ node, cores, memoryMb, fromMs, toMs }),
          ).length;
          const total = cores.reduce((sum, each) => sum + each, 0);
          let placedCores = 0;
          for (let at = 0; at < 90; at++) {
            const held = cores.map(() => 0);
            for (let index = 0; index < shares.length; index++)
              if (shares.fromMs(index) <= at && at < shares.toMs(index))
                held[shares.node(index)]! += shares.cores(index);
            for (const [node, each] of held.entries())
              expect(each).toBeLessThanOrEqual(cores[node]!);
          }
          for (let index = 0; index < shares.length; index++) placedCores += shares.cores(index);
          const wished = jobs.reduce((sum, job) => sum + job.cores, 0);
          if (unplaced === 0) expect(placedCores).toBe(wished);
          else expect(placedCores).toBeLessThan(wished);
          if (wished <= total) expect(unplaced).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});
