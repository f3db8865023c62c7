// The replay's words and figures, one by one: polling, minutes without an executor, notice, memory,
// evictions, waiting.

import { describe, expect, test } from "@jest/globals";
import { nodeName } from "../../../src/model/ids.js";
import { type Costs, measuredCosts } from "../../../src/sim/costs.js";
import { policyNamed } from "../../../src/sim/policies.js";
import { type Replay, simulate } from "../../../src/sim/simulate.js";
import { Changes } from "../../../src/sim/site/changes.js";
import { type Share, ShareList } from "../../../src/sim/site/shares.js";
import { checkExtent, type Trace } from "../../../src/sim/site/trace.js";
import type { Demand } from "../../../src/sim/work/demand.js";
import { saturating } from "../../support/simulation.js";

/** One node of 4 cores and 8,512 MB: 8,000 beside the margin. */
function trace(lengthMs: number, shares: readonly Omit<Share, "node">[]): Trace {
  const list = new ShareList();
  for (const share of shares) list.add({ node: 0, ...share });
  return checkExtent({
    nodes: [{ name: nodeName("n"), cores: 4, memoryMb: 8_512 }],
    fromMs: 0,
    toMs: lengthMs,
    jobs: shares.length,
    changes: Changes.of(list),
    notes: { skipped: {}, remarks: [] },
  });
}

const costs: Costs = {
  view: { kind: "hook", reactionMs: 100 },
  executorStartMs: { least: 200, most: 200 },
  startsPerPlan: 64,
  coldStartMs: 0,
  evictionMs: 25,
  noticeMs: 0,
  checkpointMs: 1_000,
};

const run = (change: Partial<Replay> & Pick<Replay, "trace">) =>
  simulate({
    demand: saturating(1_000),
    costs,
    policy: policyNamed("none"),
    seed: 1,
    onProgress: () => undefined,
    ...change,
  }).result;

const whole = { cores: 4, memoryMb: 0 };

describe("coverage", () => {
  test("begins when the executor is ready, and ends when the job begins", () => {
    const result = run({ trace: trace(20_000, [{ ...whole, fromMs: 10_000, toMs: 20_000 }]) });
    expect(result.idleCoreMs).toBe(40_000);
    expect(result.coveredCoreMs).toBe(4 * (10_000 - 300));
    expect(result.usefulCoreMs).toBe(4 * 9_000);
    expect(result.invocations).toMatchObject({ finished: 36, evicted: 4, onTime: 32 });
    expect(result.lostToEvictionCoreMs).toBe(4 * 700);
    expect(result.ceiling).toEqual({ perfectKnowledge: 0.9, noStartup: 1, knownStatistics: null });
  });

  test("of 1,000 nodes that become idle at once waits for as many plans as their starts need", () => {
    const nodes = Array.from({ length: 1_000 }, (_, index) => ({
      name: nodeName(`n${index}`),
      cores: 4,
      memoryMb: 8_512,
    }));
    const wide = { ...trace(20_000, []), nodes };
    // Each plan comes 100 ms after the one before.
    const waitedMs = (startsPerPlan: number) => {
      const { idleCoreMs, coveredCoreMs } = run({
        trace: wide,
        costs: { ...costs, startsPerPlan },
      });
      return (idleCoreMs - coveredCoreMs) / 4_000;
    };
    expect(waitedMs(1_000)).toBe(300);
    expect(waitedMs(500)).toBe(350);
    // 15 plans start 64 each, the 16th the last 40.
    expect(waitedMs(64)).toBe(300 + (64 * 105 + 40 * 15) / 10);
  });

  test("with polling waits for the next poll", () => {
    const polled: Costs = { ...costs, view: { kind: "poll", intervalMs: 3_000 } };
    const busy = [{ ...whole, fromMs: 0, toMs: 4_000 }];
    const result = run({ trace: trace(20_000, busy), costs: polled });
    expect(result.coveredCoreMs).toBe(4 * (20_000 - 6_200));
  });

  test("distinguishes fragments, whole nodes, and nodes without memory", () => {
    const jobs = [
      { cores: 3, memoryMb: 0, fromMs: 5_000, toMs: 10_000 },
      { cores: 3, memoryMb: 8_000, fromMs: 12_000, toMs: 20_000 },
    ];
    const result = run({ trace: trace(20_000, jobs) });
    expect(result.wholeNodes).toMatchObject({ idleCoreMs: 28_000, lacksMemoryCoreMs: 0 });
    expect(result.fragments).toMatchObject({ idleCoreMs: 13_000, coveredCoreMs: 5_000 });
    expect(result.fragments).toMatchObject({ lacksMemoryCoreMs: 8_000, coverage: 1 });
    const wholeOnly = run({ trace: trace(20_000, jobs), policy: policyNamed("whole-nodes") });
    expect(wholeOnly.fragments.coveredCoreMs).toBe(100); // until the next look
  });
});

describe("minutes without an executor", () => {
  const minute = 60_000;
  const busyBut = (fromMs: number, toMs: number) =>
    trace(
      10 * minute,
      [
        { ...whole, fromMs: 0, toMs: fromMs },
        { ...whole, fromMs: toMs, toMs: 10 * minute },
      ].filter((share) => share.toMs > share.fromMs),
    );
  const slow: Costs = { ...costs, executorStartMs: { least: 90_000, most: 90_000 } };

  test("are those of holes over 2 s in which no executor was ever ready", () => {
    expect(run({ trace: busyBut(minute, 4 * minute) }).minutesWithoutExecutor).toBe(0);
    expect(run({ trace: busyBut(minute, 4 * minute), costs: slow }).minutesWithoutExecutor).toBe(1);
    expect(
      run({ trace: busyBut(minute, minute + 2_000), costs: slow }).minutesWithoutExecutor,
    ).toBe(0);
    expect(
      run({ trace: busyBut(minute, minute + 2_001), costs: slow }).minutesWithoutExecutor,
    ).toBe(1);
    expect(run({ trace: busyBut(0, 10 * minute), costs: slow }).minutesWithoutExecutor).toBe(1);
  });
});

describe("work", () => {
  test("runs as many calls at once as memory allows", () => {
    const demand: Demand = { ...saturating(1_000), memoryMb: 3_000 };
    const { invocations, coverage, ceiling, wholeNodes } = run({
      trace: trace(10_300, []),
      demand,
    });
    expect(invocations.finished).toBe(2 * 10);
    // 2 of the 4 cores have memory for a call.
    expect(coverage).toBeCloseTo(0.5 * (10_000 / 10_300));
    expect(ceiling.noStartup).toBeCloseTo(0.5 * (10_000 / 10_300));
    expect(wholeNodes.lacksMemoryCoreMs).toBe(2 * 10_300);
  });

  test("is refused if no node has memory for a call", () => {
    const demand: Demand = { ...saturating(1_000), memoryMb: 8_001 };
    expect(() => run({ trace: trace(10_300, []), demand })).toThrow(
      /no node has memory for a call of 8001 MB: the largest has 8512 MB, of which 512 MB stay free/,
    );
  });

  test("begins no call that the job would interrupt, with notice", () => {
    const jobs = [{ ...whole, fromMs: 10_000, toMs: 20_000 }];
    const result = run({ trace: trace(20_000, jobs), costs: { ...costs, noticeMs: 1_000 } });
    expect(result.invocations).toMatchObject({ finished: 36, evicted: 0 });
    expect(result.lostToEvictionCoreMs).toBe(0);
  });

  test("waits its turn, runs again after an eviction, and then counts as late", () => {
    const calls = Array.from({ length: 6 }, (_, index) => ({
      functionName: `f${index}`,
      user: "u",
      startMs: index === 5 ? 60_000 : 1_000,
      durationMs: 2_000,
    }));
    const demand: Demand = {
      durations: { kind: "trace", calls },
      arrivals: { kind: "trace", scale: 1 },
      memoryMb: 1,
    };
    const jobs = [{ ...whole, fromMs: 2_500, toMs: 4_000 }];
    const result = run({ trace: trace(50_000, jobs), demand });
    expect(result.invocations).toMatchObject({ finished: 5, evicted: 4, onTime: 0, unfinished: 0 });
    expect(result.invocations.waitMs).toEqual({ p50: 0, p99: 5_300, max: 5_300 });
    expect(result.durationClasses).toEqual([
      { atMostMs: 10_000, submitted: 5, finished: 5, evictedAttempts: 4 },
    ]);
  });

  test("that saves its state continues from there after an eviction, and loses only what followed", () => {
    const jobs = [{ ...whole, fromMs: 10_000, toMs: 11_000 }];
    const demand = saturating(8_000);
    const lost = run({ trace: trace(30_000, jobs), demand });
    // Ready at 300 ms, evicted at 10,000: 4 calls ran for 1,700 ms then, 1,000 of which were saved.
    expect(lost.lostToEvictionCoreMs).toBe(4 * 1_700);
    const kept = run({ trace: trace(30_000, jobs), demand, policy: policyNamed("checkpoint") });
    expect(kept.lostToEvictionCoreMs).toBe(4 * 700);
    // Ready again at 11,300: 7,000 ms are left of these calls, then one more each comes to its end.
    expect(kept.usefulCoreMs).toBe(4 * (8_000 + 8_000 + 8_000));
    expect(kept.invocations).toMatchObject({ finished: 12, evicted: 4 });
  });

  test("is lost with a failing node, which stays out until it is repaired", () => {
    const failing: Costs = { ...costs, nodeFailures: { everyMs: 100_000, repairMs: 5_000 } };
    const quiet = run({ trace: trace(1_000_000, []) });
    const result = run({ trace: trace(1_000_000, []), costs: failing });
    const [, failures] = /^(\d+) failures of nodes, 5 s each/.exec(result.remarks[0]!)!;
    expect(Number(failures)).toBeGreaterThan(2);
    expect(result.invocations.evicted).toBe(4 * Number(failures));
    expect(quiet.idleCoreMs - result.idleCoreMs).toBeLessThanOrEqual(4 * 5_000 * Number(failures));
    expect(quiet.idleCoreMs - result.idleCoreMs).toBeGreaterThan(
      4 * 5_000 * (Number(failures) - 1),
    );
    expect(run({ trace: trace(1_000_000, []), costs: failing })).toEqual(result);
  });

  test("with prediction loses less: short calls fill young holes, long ones old holes, and neither starves", () => {
    const shares: Omit<Share, "node">[] = [];
    // One hole of 8 minutes after each three of one.
    for (let atMs = 0, index = 0; atMs < 40 * 3_600_000; index++) {
      const idleMs = index % 4 === 3 ? 480_000 : 60_000;
      shares.push({ ...whole, fromMs: atMs + idleMs, toMs: atMs + idleMs + 10_000 });
      atMs += idleMs + 10_000;
    }
    const call = (functionName: string, durationMs: number) => ({
      functionName,
      user: functionName,
      startMs: 0,
      durationMs,
    });
    const demand: Demand = {
      durations: {
        kind: "trace",
        calls: [call("long", 100_000), ...Array.from({ length: 7 }, () => call("short", 5_000))],
      },
      arrivals: { kind: "saturating" },
      memoryMb: 1,
    };
    const of = (name: string) =>
      run({ trace: trace(40 * 3_600_000, shares), demand, policy: policyNamed(name) });
    const [none, prediction] = [of("none"), of("prediction")];
    expect(prediction.goodput).toBeGreaterThan(none.goodput + 0.03);
    for (const { submitted, finished } of prediction.durationClasses)
      expect(finished).toBeGreaterThan(0.9 * submitted);
  });

  test("follows the start-up costs that were measured when none are given", () => {
    const { coverage } = run({ trace: trace(60_000, []), costs: measuredCosts });
    const latestMs = 280 + measuredCosts.executorStartMs.most;
    expect(coverage).toBeGreaterThanOrEqual(1 - latestMs / 60_000);
    expect(coverage).toBeLessThanOrEqual(1 - (280 + 150) / 60_000);
  });

  test("reports its progress", () => {
    const told: number[] = [];
    run({
      trace: trace(30_000_000, []),
      demand: saturating(1_000),
      followCalls: true,
      onProgress: (share) => told.push(share),
    });
    expect(told.length).toBeGreaterThan(0);
    expect([...told].sort((a, b) => a - b)).toEqual(told);
    expect(told.at(-1)).toBeLessThanOrEqual(1);
  });
});
