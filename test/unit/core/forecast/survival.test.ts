// Learning how long holes last: finds known distributions again, with censoring and forgetting.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { NodeHazard } from "../../../../src/core/forecast/node-hazard.js";
import { SurvivalModel } from "../../../../src/core/forecast/survival.js";
import type { NodeName } from "../../../../src/model/ids.js";

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
  test("recovers a known distribution, at every age", () => {
    const model = exponential(60_000, 4_000);
    for (const ageMs of [0, 5_000, 60_000])
      for (const aheadMs of [1_000, 10_000, 60_000])
        expect(model.survivalProbability(kind, ageMs, aheadMs)).toBeCloseTo(
          Math.exp(-aheadMs / 60_000),
          1,
        );
    expect(model.quantileAheadMs(kind, 0, 0.5) / (60_000 * Math.LN2)).toBeCloseTo(1, 0);
  });

  test("does not count holes that were lost sight of as closed", () => {
    const model = exponential(60_000, 4_000, 20_000);
    expect(model.survivalProbability(kind, 0, 15_000)).toBeCloseTo(Math.exp(-0.25), 1);
    const naive = new SurvivalModel();
    for (let index = 0; index < 4_000; index++) naive.record(closedAfter(10_000));
    expect(naive.survivalProbability(kind, 0, 15_000)).toBeLessThan(0.3);
  });

  test("learns kinds separately, and keeps the prior for a kind without holes", () => {
    const model = new SurvivalModel();
    for (let index = 0; index < 500; index++) model.record(closedAfter(2_000));
    expect(model.survivalProbability("wholeNode", 0, 5_000)).toBeLessThan(0.2);
    expect(model.quantileAheadMs("fragment", 0, 0.5) / 90_000).toBeCloseTo(1, 0);
  });

  test("forgets old holes", () => {
    const model = new SurvivalModel();
    for (let index = 0; index < 3_000; index++) model.record(closedAfter(1_000));
    for (let index = 0; index < 12_000; index++) model.record(closedAfter(600_000));
    expect(model.survivalProbability(kind, 0, 60_000)).toBeGreaterThan(0.9);
  });

  test("weighs all holes equally if it must not forget", () => {
    const lately = (model: SurvivalModel) => {
      for (let index = 0; index < 6_000; index++) model.record(closedAfter(1_000));
      for (let index = 0; index < 6_000; index++) model.record(closedAfter(600_000));
      return model.survivalProbability(kind, 0, 60_000);
    };
    expect(lately(new SurvivalModel())).toBeGreaterThan(0.6);
    expect(lately(new SurvivalModel(Number.POSITIVE_INFINITY))).toBeLessThan(0.5);
  });

  test("locates an age at which many holes close to a twentieth, as where jobs have a round time limit", () => {
    const model = new SurvivalModel();
    const next = stream(3);
    for (let index = 0; index < 100; index++)
      model.record(closedAfter(5_400_000 + Math.round(next() * 30_000)));
    expect(model.survivalProbability(kind, 4_500_000, 600_000)).toBeGreaterThan(0.9);
    expect(model.survivalProbability(kind, 5_000_000, 600_000)).toBeLessThan(0.3);
  });

  test("learns that the holes of one node close sooner, without changing the other nodes", () => {
    const model = new SurvivalModel();
    const next = stream(5);
    const lifeMs = (meanMs: number) => -Math.log(next()) * meanMs;
    const names = { hasty: 20_000, usual: 60_000, other: 60_000, steady: 180_000 };
    for (let round = 0; round < 100; round++)
      for (const [node, meanMs] of Object.entries(names))
        model.record({ ...closedAfter(lifeMs(meanMs)), node: node as NodeName });
    const ratios = Object.keys(names).map((node) => model.hazardRatio(node as NodeName));
    expect(ratios[0]).toBeGreaterThan(1.5 * ratios[1]!);
    expect(ratios[3]).toBeLessThan(0.67 * ratios[1]!);
    expect(ratios[2]! / ratios[1]!).toBeCloseTo(1, 0);
    expect(model.hazardRatio("never seen" as NodeName)).toBe(1);
    const chance = (hazardRatio: number) => model.survivalProbability(kind, 0, 30_000, hazardRatio);
    expect(chance(ratios[0]!)).toBeLessThan(chance(1));
    expect(chance(ratios[3]!)).toBeGreaterThan(chance(1));
    // One short hole is no proof.
    const young = new SurvivalModel();
    young.record({ ...closedAfter(100), node: "one" as NodeName });
    expect(young.hazardRatio("one" as NodeName)).toBeLessThan(1.2);
  });

  test("follows the newest holes of a node and forgets its older ones", () => {
    const ratios = new NodeHazard();
    const n1 = "n1" as NodeName;
    for (let hole = 0; hole < 200; hole++) ratios.record(n1, 1, 0.1);
    // 32 holes of weight 1 in the long run: (8 + 32) / (8 + 3.2).
    expect(ratios.of(n1)).toBeCloseTo(40 / 11.2, 1);
    for (let hole = 0; hole < 200; hole++) ratios.record(n1, 0.1, 1);
    expect(ratios.of(n1)).toBeCloseTo(11.2 / 40, 1);
    for (let hole = 0; hole < 200; hole++) ratios.record(n1, 9, 0);
    expect(ratios.of(n1)).toBe(8);
    expect(NodeHazard.of(ratios.plain()).of(n1)).toBe(8);
  });

  test("forgets nodes that were not seen for longest first", () => {
    const ratios = new NodeHazard();
    for (let index = 0; index < 20_000; index++) ratios.record(`n${index}` as NodeName, 0, 9);
    ratios.record("n0" as NodeName, 0, 9);
    ratios.record("new" as NodeName, 0, 9);
    expect(ratios.of("n0" as NodeName)).toBeLessThan(1);
    expect(ratios.of("n1" as NodeName)).toBe(1);
    expect(ratios.of("n2" as NodeName)).toBeLessThan(1);
  });

  const anyHole = fc.record({
    kind: fc.constantFrom("wholeNode" as const, "fragment" as const),
    fromAgeMs: fc.integer({ min: 0, max: 1_000 }),
    toAgeMs: fc.integer({ min: 1_000, max: 2 ** 31 }),
    closed: fc.boolean(),
    node: fc.option(fc.constantFrom("n1" as NodeName, "n2" as NodeName), { nil: undefined }),
  });

  test("remains a distribution whatever it learned: it falls with time, quantiles invert it, and it survives JSON", () => {
    fc.assert(
      fc.property(
        fc.array(anyHole, { maxLength: 40 }),
        fc.nat(2 ** 31),
        fc.nat(2 ** 31),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (holes, ageMs, aheadMs, probability) => {
          const model = new SurvivalModel();
          for (const { node, ...hole } of holes)
            model.record(node === undefined ? hole : { ...hole, node });
          const hazardRatio = model.hazardRatio("n1" as NodeName);
          const near = model.survivalProbability(kind, ageMs, aheadMs, hazardRatio);
          const far = model.survivalProbability(kind, ageMs, aheadMs * 2, hazardRatio);
          expect(near).toBeLessThanOrEqual(1);
          expect(far).toBeGreaterThanOrEqual(0);
          expect(far).toBeLessThanOrEqual(near);
          // Memoryless between: P(2a) = P(a) at age × P(a) at age + a.
          expect(far).toBeCloseTo(
            near * model.survivalProbability(kind, ageMs + aheadMs, aheadMs, hazardRatio),
            6,
          );
          const quantileMs = model.quantileAheadMs(kind, ageMs, probability, hazardRatio);
          expect(model.survivalProbability(kind, ageMs, quantileMs, hazardRatio)).toBeCloseTo(
            probability,
            4,
          );
          const back = SurvivalModel.fromJson(model.toJson())!;
          expect(back.hazardRatio("n1" as NodeName)).toBe(hazardRatio);
          expect(back.survivalProbability(kind, ageMs, aheadMs, hazardRatio)).toBe(near);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("has small JSON, and refuses foreign JSON", () => {
    expect(exponential(60_000, 9_000).toJson().length).toBeLessThan(40_000);
    for (const foreign of ["", "null", "{}", '{"wholeNode":{"closings":[1]}}', "[]"])
      expect(SurvivalModel.fromJson(foreign)).toBeNull();
    const broken = exponential(1_000, 5).toJson().replace(/\d+/, "-1");
    expect(SurvivalModel.fromJson(broken)).toBeNull();
  });
});
