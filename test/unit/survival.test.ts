// Learning how long holes last: distributions that are known are found again, censoring and forgetting included.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { SurvivalModel } from "../../src/core/survival.js";

/** A seeded stream of numbers in (0, 1). */
function stream(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

const kind = "wholeNode";
const closedAfter = (toAgeMs: number) => ({ kind, fromAgeMs: 0, toAgeMs, closed: true }) as const;

function exponential(meanMs: number, count: number, censorAtMs = Number.POSITIVE_INFINITY) {
  const model = new SurvivalModel();
  const next = stream(7);
  for (let index = 0; index < count; index++) {
    const lifeMs = -Math.log(next()) * meanMs;
    model.record({
      kind,
      fromAgeMs: 0,
      toAgeMs: Math.min(lifeMs, censorAtMs),
      closed: lifeMs <= censorAtMs,
    });
  }
  return model;
}

describe("the survival model", () => {
  test("finds a known distribution again, at every age", () => {
    const model = exponential(60_000, 4_000);
    for (const ageMs of [0, 5_000, 60_000])
      for (const aheadMs of [1_000, 10_000, 60_000])
        expect(model.survivalProbability(kind, ageMs, aheadMs)).toBeCloseTo(
          Math.exp(-aheadMs / 60_000),
          1,
        );
    expect(model.quantileAheadMs(kind, 0, 0.5) / (60_000 * Math.LN2)).toBeCloseTo(1, 0);
  });

  test("holes that were lost sight of do not count as closed", () => {
    const model = exponential(60_000, 4_000, 20_000);
    expect(model.survivalProbability(kind, 0, 15_000)).toBeCloseTo(Math.exp(-0.25), 1);
    const naive = new SurvivalModel();
    for (let index = 0; index < 4_000; index++) naive.record(closedAfter(10_000));
    expect(naive.survivalProbability(kind, 0, 15_000)).toBeLessThan(0.3);
  });

  test("kinds are learned apart, and an untaught one keeps the prior", () => {
    const model = new SurvivalModel();
    for (let index = 0; index < 500; index++) model.record(closedAfter(2_000));
    expect(model.survivalProbability("wholeNode", 0, 5_000)).toBeLessThan(0.2);
    expect(model.quantileAheadMs("fragment", 0, 0.5) / 90_000).toBeCloseTo(1, 0);
  });

  test("what is old is forgotten", () => {
    const model = new SurvivalModel();
    for (let index = 0; index < 3_000; index++) model.record(closedAfter(1_000));
    for (let index = 0; index < 12_000; index++) model.record(closedAfter(600_000));
    expect(model.survivalProbability(kind, 0, 60_000)).toBeGreaterThan(0.9);
  });

  const anyHole = fc.record({
    kind: fc.constantFrom("wholeNode" as const, "fragment" as const),
    fromAgeMs: fc.integer({ min: 0, max: 1_000 }),
    toAgeMs: fc.integer({ min: 1_000, max: 2 ** 31 }),
    closed: fc.boolean(),
  });

  test("is a distribution whatever it learned: falls with time ahead, quantiles invert it, it comes back from JSON", () => {
    fc.assert(
      fc.property(
        fc.array(anyHole, { maxLength: 40 }),
        fc.nat(2 ** 31),
        fc.nat(2 ** 31),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (holes, ageMs, aheadMs, probability) => {
          const model = new SurvivalModel();
          for (const hole of holes) model.record(hole);
          const near = model.survivalProbability(kind, ageMs, aheadMs);
          const far = model.survivalProbability(kind, ageMs, aheadMs * 2);
          expect(near).toBeLessThanOrEqual(1);
          expect(far).toBeGreaterThanOrEqual(0);
          expect(far).toBeLessThanOrEqual(near);
          // Memoryless between: P(2a) = P(a) at age × P(a) at age + a.
          expect(far).toBeCloseTo(
            near * model.survivalProbability(kind, ageMs + aheadMs, aheadMs),
            6,
          );
          const quantileMs = model.quantileAheadMs(kind, ageMs, probability);
          expect(model.survivalProbability(kind, ageMs, quantileMs)).toBeCloseTo(probability, 4);
          const back = SurvivalModel.fromJson(model.toJson())!;
          expect(back.survivalProbability(kind, ageMs, aheadMs)).toBe(near);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("its JSON is small, and foreign JSON is refused", () => {
    expect(exponential(60_000, 9_000).toJson().length).toBeLessThan(9_000);
    for (const foreign of ["", "null", "{}", '{"wholeNode":{"closings":[1]}}', "[]"])
      expect(SurvivalModel.fromJson(foreign)).toBeNull();
    const broken = exponential(1_000, 5).toJson().replace(/\d+/, "-1");
    expect(SurvivalModel.fromJson(broken)).toBeNull();
  });
});
