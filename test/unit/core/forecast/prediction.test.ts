// The ends of holes: planned ones and how certain they are, what past holes suggest, how holes are
// watched, how accurate predictions were.

import { describe, expect, test } from "@jest/globals";
import { findHoles } from "../../../../src/core/capacity/holes.js";
import { makePlan } from "../../../../src/core/capacity/plan.js";
import { describeEnd } from "../../../../src/core/explain/waiting.js";
import { Calibration } from "../../../../src/core/forecast/calibration.js";
import { HoleWatch } from "../../../../src/core/forecast/hole-watch.js";
import { plannedEnds } from "../../../../src/core/forecast/lifetime.js";
import { SurvivalModel } from "../../../../src/core/forecast/survival.js";
import { nodeName } from "../../../../src/model/ids.js";
import type { Node } from "../../../../src/model/slurm/node.js";
import { renderPredictionText } from "../../../../src/report/prediction.js";
import { context, executor, job, node, policy, snapshot } from "../../../support/nouns.js";

const n1 = nodeName("n1");
const planned = (startAtMs: number) => job({ startAtMs, plannedNodes: [n1] });
const endOn = (change: Parameters<typeof snapshot>[0], nowMs = 100_000) =>
  plannedEnds(snapshot(change), nowMs).get(n1);

describe("planned ends", () => {
  test("are the earliest of planned starts and coming reservations", () => {
    const reservation = { name: "m", nodes: [n1], startAtMs: 130_000, endAtMs: 200_000 };
    const jobs = [planned(150_000), planned(140_000)];
    expect(endOn({ jobs })).toMatchObject({ endsAtMs: 140_000, source: "planned" });
    expect(endOn({ jobs, reservations: [reservation] })).toMatchObject({
      endsAtMs: 130_000,
      source: "reservation",
    });
    const begun = { ...reservation, startAtMs: 99_999 };
    expect(endOn({ reservations: [begun] })).toBeUndefined();
    expect(
      endOn({ jobs: [job({ startAtMs: 1, state: "RUNNING", plannedNodes: [n1] })] }),
    ).toBeUndefined();
  });

  test("are more certain on a flagged node, and less certain once overdue", () => {
    const sure = (jobs = [planned(140_000)], flags: string[] = [], nowMs = 100_000) =>
      endOn({ jobs, nodes: [node({ flags })] }, nowMs)?.confidence ?? 0;
    expect(sure([planned(140_000)], ["PLANNED"])).toBeGreaterThan(sure());
    expect(endOn({ jobs: [planned(99_000)] })).toMatchObject({ endsAtMs: 100_000 });
    expect(sure([planned(99_000)])).toBeLessThan(sure([planned(100_000)]));
    expect(sure([planned(80_000)])).toBe(0);
  });

  test("come from past holes if nothing is planned, and are unknown without those", () => {
    const survival = new SurvivalModel();
    for (let index = 0; index < 300; index++)
      survival.record({ kind: "wholeNode", fromAgeMs: 0, toAgeMs: 50_000 + index, closed: true });
    const young = findHoles(snapshot(), policy, context({ survival })).holes[0]!;
    expect(young).toMatchObject({ predictedEndAtMs: null, end: { source: "survival" } });
    const old = findHoles(snapshot(), policy, context({ survival, openedAtMs: () => 55_000 }));
    expect(old.holes[0]!.sinceMs).toBe(55_000);
    expect(old.holes[0]!.end.endsAtMs!).toBeLessThan(young.end.endsAtMs!);
    const none = findHoles(snapshot(), policy, context()).holes[0]!;
    expect(none.end).toEqual({ endsAtMs: null, confidence: 0, source: "none" });
    expect(describeEnd(young.end, 100_000)).toMatch(
      /half of the holes of this age last at least another \d+ s/,
    );
    expect(describeEnd({ endsAtMs: 130_000, confidence: 0.9, source: "planned" }, 100_000)).toBe(
      "Slurm plans to start a job there in 30 s (90 % sure)",
    );
  });

  test("let an executor stay until vacateMs before the start", () => {
    const step = (startAtMs: number) =>
      makePlan({
        snapshot: snapshot({ jobs: [planned(startAtMs)] }),
        executors: [executor()],
        policy: { ...policy, vacateMs: 200 },
        context: context(),
        maxStarts: 9,
      }).steps.map((each) => each.kind);
    expect(step(101_000)).toEqual(["resize"]);
    expect(step(100_200)).toEqual(["drain"]);
    expect(step(90_000)).toEqual(["resize"]);
  });
});

describe("the watch on holes", () => {
  const idle = (cores: number, change: Partial<Node> = {}) =>
    node({ allocatedCores: 16 - cores, baseState: cores === 16 ? "IDLE" : "MIXED", ...change });
  const full = node({ allocatedCores: 16, baseState: "ALLOCATED" });
  const look = (watch: HoleWatch, atMs: number, ...nodes: Node[]) => {
    const { holes, unusable } = findHoles(
      snapshot({ nodes, nodesAskedAtMs: atMs }),
      policy,
      context({ nowMs: atMs }),
    );
    return watch.look(holes, unusable, atMs);
  };
  const watched = () => {
    const watch = new HoleWatch();
    look(watch, 0, full);
    return watch;
  };

  test("knows the bounds of a hole's lifetime from two reads at either end, or from a hook event", () => {
    const watch = watched();
    expect(look(watch, 10_000, idle(16))).toEqual([]);
    expect(watch.openedAtMs(n1)).toBe(5_000);
    const [ended] = look(watch, 20_000, full);
    expect(ended).toMatchObject({
      kind: "wholeNode",
      toAgeMs: 10_000,
      closed: true,
      teaches: true,
    });

    watch.jobEnded(n1, 21_000);
    look(watch, 22_000, idle(16));
    expect(watch.openedAtMs(n1)).toBe(21_000);
    expect(watch.jobBegan(n1, 25_500)).toMatchObject({ toAgeMs: 4_500, closed: true });
    // The look shows what the hook told: no second end, and a rest that is a hole of its own.
    expect(look(watch, 26_000, idle(4))).toEqual([]);
    expect(watch.openedAtMs(n1)).toBe(25_500);
    expect(look(watch, 30_000, full)).toMatchObject([{ kind: "fragment", toAgeMs: 2_500 }]);
  });

  test("ends the hole when a hook reports a job that fills the node", () => {
    const watch = watched();
    look(watch, 10_000, idle(16));
    expect(watch.jobBegan(n1, 12_000)).not.toBeNull();
    expect(look(watch, 13_000, full)).toEqual([]);
    expect(watch.openedAtMs(n1)).toBeNull();
    expect(watch.jobBegan(n1, 14_000)).toBeNull();
  });

  test("ends a hole when a job begins, not when one leaves, and changes its kind when the last one leaves", () => {
    const watch = watched();
    look(watch, 10_000, idle(4));
    expect(look(watch, 20_000, idle(8))).toEqual([]);
    expect(look(watch, 30_000, idle(6))).toMatchObject([{ kind: "fragment", closed: true }]);
    expect(look(watch, 40_000, idle(16))).toMatchObject([{ kind: "fragment", closed: false }]);
    expect(look(watch, 50_000, idle(15))).toMatchObject([{ kind: "wholeNode", closed: true }]);
  });

  test("censors a hole that is lost sight of, and learns nothing from a stale or completing view", () => {
    const watch = watched();
    look(watch, 10_000, idle(16));
    expect(look(watch, 20_000, idle(16, { flags: ["COMPLETING"] }))).toEqual([]);
    expect(look(watch, 15_000, full)).toEqual([]);
    expect(look(watch, 30_000, idle(16, { flags: ["DRAIN"] }))).toMatchObject([{ closed: false }]);
    look(watch, 40_000, idle(16));
    expect(look(watch, 50_000)).toMatchObject([{ closed: false }]);
  });

  test("learns nothing from a hole that existed at the start, because its age is unknown", () => {
    const watch = new HoleWatch();
    look(watch, 10_000, idle(16));
    expect(look(watch, 20_000, full)).toMatchObject([{ closed: true, teaches: false }]);
  });
});

describe("calibration", () => {
  test("shows predictions beside outcomes, and scores them", () => {
    const calibration = new Calibration();
    for (let index = 0; index < 10; index++) calibration.record("survival", 0.85, index < 8);
    calibration.record("planned", 1, true);
    calibration.record("planned", 0, true);
    const back = Calibration.fromJson(calibration.toJson())!;
    const [survival, plan] = back.report();
    expect(survival).toMatchObject({ source: "survival", count: 10 });
    expect(survival!.bins[8]).toMatchObject({ count: 10, observed: 0.8 });
    expect(survival!.bins[8]!.predicted).toBeCloseTo(0.85);
    expect(survival!.brier).toBeCloseTo(0.8 * 0.15 ** 2 + 0.2 * 0.85 ** 2);
    expect(plan!.brier).toBe(0.5);
    expect(plan!.bins[9]!.count).toBe(1);
    for (const foreign of ["", "{}", '[["luck",[]]]', '[["planned",[1]]]'])
      expect(Calibration.fromJson(foreign)).toBeNull();
  });

  test("halves all counts once they reach twice the limit, without changing any share", () => {
    const calibration = new Calibration();
    for (let index = 0; index < 199_999; index++) calibration.record("planned", 0.5, index % 4 > 0);
    expect(calibration.report()[0]).toMatchObject({ count: 199_999 });
    calibration.record("planned", 0.5, true);
    const [planned] = calibration.report();
    expect(planned).toMatchObject({ count: 100_000, brier: 0.25 });
    expect(planned!.bins[5]).toMatchObject({ count: 100_000, predicted: 0.5 });
    expect(planned!.bins[5]!.observed).toBeCloseTo(0.75, 4);
  });

  test("is rendered as text", () => {
    const calibration = new Calibration();
    const lives = new SurvivalModel().report();
    expect(renderPredictionText({ sources: [], lives, learnedFunctions: 0 })).toContain(
      "No prediction has come due yet",
    );
    calibration.record("survival", 0.85, true);
    const text = renderPredictionText({
      sources: calibration.report(),
      lives,
      learnedFunctions: 3,
    });
    expect(text).toContain("from past holes: 1 prediction, Brier score 0.0");
    expect(text).toMatch(/80–90 % +1 +85(\.0)? % +100(\.0)? %/);
    expect(text).toContain("Gleaner knows the run times of 3 functions.");
  });
});
