// The best that statistics of holes and calls allow: calculated by hand where that is easy, and
// never below what a replay reached.

import { describe, expect, test } from "@jest/globals";
import { SurvivalModel } from "../../../src/core/forecast/survival.js";
import { statisticsCeiling } from "../../../src/sim/figures/statistics-ceiling.js";

const call = (functionName: string, durationMs: number) => ({
  functionName,
  user: "u",
  startMs: 0,
  durationMs,
});
/** Holes that close at a constant rate, once in 100 s on average. */
const memoryless = {
  survivalProbability: (_kind: unknown, _ageMs: number, aheadMs: number) =>
    Math.exp(-aheadMs / 100_000),
  quantileAheadMs: (_kind: unknown, _ageMs: number, probability: number) =>
    -Math.log(probability) * 100_000,
  hazardRatio: () => 1,
};

describe("the ceiling of statistics", () => {
  test("of calls that take no time is the whole idle time", () => {
    expect(statisticsCeiling(memoryless, "wholeNode", 1_000_000, [call("f", 1)])).toBeCloseTo(1);
  });

  test("of calls of one length d in holes without memory is x / (exp(x) - 1), x = d / mean", () => {
    for (const durationMs of [20_000, 100_000]) {
      const x = durationMs / 100_000;
      const bound = statisticsCeiling(memoryless, "wholeNode", 2_000_000, [call("f", durationMs)]);
      expect(bound).toBeCloseTo(x / (Math.exp(x) - 1), 2);
    }
  });

  test("of two lengths in memoryless holes is their mean, because choosing gains nothing", () => {
    const calls = [call("f", 100_000), call("g", 20_000), call("g", 20_000)];
    const goodputOf = (x: number) => x / (Math.exp(x) - 1);
    // Core-time that each takes, in proportion to its work over its goodput.
    const time = 100 / goodputOf(1) + 40 / goodputOf(0.2);
    const bound = statisticsCeiling(memoryless, "wholeNode", 2_000_000, calls);
    expect(bound).toBeGreaterThanOrEqual(140 / time - 0.005);
    expect(bound).toBeLessThan(140 / time + 0.02);
  });

  test("rises if ages distinguish short holes from long ones", () => {
    const survival = new SurvivalModel();
    for (let index = 0; index < 500; index++)
      for (const toAgeMs of [30_000, 30_000, 30_000, 1_000_000])
        survival.record({ kind: "wholeNode", fromAgeMs: 0, toAgeMs, closed: true });
    const of = (calls: Parameters<typeof statisticsCeiling>[3]) =>
      statisticsCeiling(survival, "wholeNode", 1_000_000, calls);
    const long = of([call("f", 100_000)]);
    const mixed = of([call("f", 100_000), call("g", 2_000), call("g", 2_000), call("g", 2_000)]);
    expect(mixed).toBeGreaterThan(long + 0.03);
    expect(mixed).toBeLessThanOrEqual(1);
  });
});
