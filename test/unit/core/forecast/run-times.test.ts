// Expected run times: a function's own, else its limit, else what functions of the site do.

import { describe, expect, test } from "@jest/globals";
import { functionKey, RuntimeModel } from "../../../../src/core/forecast/run-times.js";

const policy = { defaultTimeLimitMs: 600_000, quantile: 0.75 };
const ran = (model: RuntimeModel, key: string, ...wallMs: number[]) => {
  for (const each of wallMs) model.record(key, each);
};

describe("expected run times", () => {
  test("are the time limit until three runs are known, then the quantile, accurate to a fifth", () => {
    const model = new RuntimeModel(policy);
    ran(model, "f", 100, 100);
    expect(model.expectedMs("f", 5_000)).toBe(5_000);
    ran(model, "f", 100, 1_000);
    const expected = model.expectedMs("f", 5_000);
    expect(expected).toBeGreaterThanOrEqual(100);
    expect(expected).toBeLessThan(120);
    expect(model.expectedMs("f", 50)).toBe(50);
    expect(model.expectedMs("g", 5_000)).toBe(5_000);
    // Nobody knows more of it than that it may take days, or has taken an hour.
    expect(model.expectedMs("g", 900_000_000)).toBe(3_600_000);
    expect(model.expectedMs("g", 900_000_000, 3_000_000)).toBe(6_000_000);
  });

  test("of an unknown function without a limit are the 90 % quantile of all runs at the site", () => {
    const model = new RuntimeModel(policy);
    expect(model.expectedMs("new", 600_000)).toBe(600_000);
    for (let run = 0; run < 100; run++) ran(model, `f${run}`, run < 85 ? 10 : 2_000);
    expect(model.expectedMs("new", 600_000)).toBeGreaterThanOrEqual(2_000);
    expect(model.expectedMs("new", 600_000)).toBeLessThan(2_400);
    expect(model.expectedMs("new", 599_999)).toBe(599_999);
  });

  test("of an evicted function are those of the longer runs, else the octave that it had reached", () => {
    const model = new RuntimeModel(policy);
    ran(model, "f", 100, 100, 100, 100, 100, 20_000, 90_000, 90_000);
    expect(model.expectedMs("f", 600_000, 1)).toBeLessThan(25_000);
    expect(model.usualMs("f", 600_000, 5_000)).toBeGreaterThanOrEqual(90_000);
    expect(model.usualMs("f", 600_000, 5_000)).toBe(model.expectedMs("f", 600_000, 10_000));
    expect(model.expectedMs("f", 600_000, 200_000)).toBeGreaterThanOrEqual(200_000);
    expect(model.expectedMs("f", 600_000, 200_000)).toBeLessThan(400_000);
    expect(model.expectedMs("f", 210_000, 200_000)).toBe(210_000);
  });

  test("are those of most runs; the usual time is that of most of the work", () => {
    const model = new RuntimeModel(policy);
    ran(model, "f", 100, 100, 100, 100, 100, 100, 100, 10_000);
    expect(model.expectedMs("f", 600_000)).toBeLessThan(120);
    expect(model.usualMs("f", 600_000)).toBeGreaterThanOrEqual(10_000);
  });

  test("adapt to a function that changes", () => {
    const model = new RuntimeModel(policy);
    for (let run = 0; run < 1_000; run++) ran(model, "f", 10);
    for (let run = 0; run < 200; run++) ran(model, "f", 5_000);
    expect(model.expectedMs("f", 600_000)).toBeGreaterThanOrEqual(5_000);
  });

  test("are kept for a bounded number of functions, those that ran last", () => {
    const model = new RuntimeModel(policy);
    for (let index = 0; index < 6_000; index++) {
      ran(model, `f${index}`, 10, 10, 10);
      ran(model, "often", 10);
    }
    expect(model.learnedFunctions).toBe(5_000);
    expect(model.expectedMs("f0", 7_000)).toBe(7_000);
    expect(model.expectedMs("often", 7_000)).toBeLessThan(20);
    expect(model.expectedMs("f5999", 7_000)).toBeLessThan(20);
  });

  test("come back from JSON; foreign JSON is refused", () => {
    const model = new RuntimeModel(policy);
    ran(model, "f", 3, 700, 80_000);
    const back = RuntimeModel.fromJson(model.toJson(), policy)!;
    expect(back.expectedMs("f", 600_000)).toBe(model.expectedMs("f", 600_000));
    for (const foreign of [
      "",
      "1",
      "{}",
      '{"site":[[1.5,1]],"functions":[]}',
      '{"site":[[1,-1]],"functions":[]}',
      '{"site":[[-1,1]],"functions":[]}',
      '{"site":[[1,1.5]],"functions":[]}',
      '{"site":[[1,0]],"functions":[]}',
      '{"site":[[1000,1]],"functions":[]}',
    ])
      expect(RuntimeModel.fromJson(foreign, policy)).toBeNull();
  });

  test("belong to a user's command by its name", () => {
    const argv = (...words: string[]) => ({ kind: "argv", argv: words }) as const;
    const key = functionKey("ann", "fit", argv("python3", "fit.py", "1"));
    expect(functionKey("ann", "fit", argv("python3", "fit.py", "2"))).toBe(key);
    expect(functionKey("bob", "fit", argv("python3", "fit.py", "1"))).not.toBe(key);
    expect(functionKey("ann", "fit", argv("python3", "plot.py", "1"))).not.toBe(key);
    const script = (body: string) => ({ kind: "script", body, args: [] }) as const;
    expect(functionKey("a", "x", script("#!/bin/sh\n1"))).not.toBe(
      functionKey("a", "x", script("#!/bin/sh\n2")),
    );
  });
});

describe("calls of less than a millisecond", () => {
  test("count as one until the time from one to the next is known", () => {
    const model = new RuntimeModel(policy);
    ran(model, "f", 0, 0, 0, 1);
    expect(model.ownRuns("f")).toEqual({ count: 4, meanMs: 1 });
    for (let run = 0; run < 4; run++) model.record("f", 0, 0.25);
    expect(model.ownRuns("f")).toEqual({ count: 8, meanMs: 0.25 });
  });

  test("are learned anew when their node is busier, later when it is quicker", () => {
    const model = new RuntimeModel(policy);
    const meanAfter = (calls: number, paceMs: number) => {
      for (let run = 0; run < calls; run++) model.record("f", 0, paceMs);
      return model.ownRuns("f")!.meanMs;
    };
    expect(meanAfter(150, 0.2)).toBeCloseTo(0.2);
    expect(meanAfter(100, 2)).toBeGreaterThan(1.5);
    expect(meanAfter(100, 0.2)).toBeGreaterThan(1);
    expect(meanAfter(900, 0.2)).toBeLessThan(0.25);
    // One that stood still says little about the next ones.
    expect(meanAfter(1, 500)).toBeLessThan(0.5);
  });

  test("do not make longer ones shorter", () => {
    const model = new RuntimeModel(policy);
    for (let run = 0; run < 3; run++) model.record("f", 8, 0.2);
    expect(model.ownRuns("f")).toEqual({ count: 3, meanMs: 8 });
    // A restarted gleanerd remembers the lengths, and learns the rest again.
    for (let run = 0; run < 3; run++) model.record("g", 0, 0.5);
    const known = RuntimeModel.fromJson(model.toJson(), policy)!;
    expect(known.ownRuns("g")).toEqual({ count: 3, meanMs: 1 });
  });
});
