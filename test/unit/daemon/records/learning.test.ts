// What the daemon learns from plans, hooks and runs, how it checks its own predictions, and that it
// keeps this over a restart.

import { expect, test } from "@jest/globals";
import { pino } from "pino";
import type { Store } from "../../../../src/core/ports/store.js";
import { Learning } from "../../../../src/daemon/records/learning.js";
import type { Hole } from "../../../../src/model/capacity/hole.js";
import type { Plan } from "../../../../src/model/capacity/plan.js";
import { jobId, nodeName } from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import { storeForEachTest } from "../../../support/store/store.js";

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

const runtime = { defaultTimeLimitMs: 600_000, quantile: 0.75 };
/** Each has a stream of its own, as a daemon has. */
function newLearning() {
  const { events } = newState();
  const policy = { runtime, vacateMs: 200 };
  return { events, learning: new Learning(store, events, policy, pino({ enabled: false })) };
}
type Known = ReturnType<typeof newLearning>;
const n1 = nodeName("n1");

const hole = (predictedEndAtMs: number | null = null): Hole => ({
  node: n1,
  kind: "wholeNode",
  free: { cores: 16, memoryMb: 1_000, gpus: [] },
  sinceMs: 0,
  predictedEndAtMs,
  end: { endsAtMs: predictedEndAtMs, confidence: 0.9, source: "planned" },
});
const planWith = (holes: Hole[]): Plan => ({
  steps: [],
  holes,
  unusable: holes.length > 0 ? [] : [{ node: n1, reason: { kind: "full" }, idleCores: 0 }],
  madeFromMs: 0,
});
/** One hole of `lifeMs`, opened by one hook and closed by another. */
function holeOf({ events, learning }: Known, openedAtMs: number, lifeMs: number): void {
  const hook = (kind: "begin" | "end", atMs: number) => {
    const report = { node: n1, jobId: jobId(1), kind, atMs, cores: null };
    events.publish({ type: "hookReported", report });
  };
  learning.planMade(planWith([]), openedAtMs - 100);
  hook("end", openedAtMs);
  learning.planMade(planWith([hole()]), openedAtMs + 50);
  hook("begin", openedAtMs + lifeMs);
  learning.planMade(planWith([]), openedAtMs + lifeMs + 50);
}

test("holes opened and closed by hooks are learned, and their forecasts are scored", () => {
  const known = newLearning();
  const { learning } = known;
  for (let round = 0; round < 200; round++) holeOf(known, (round + 1) * 60_000, 5_000);
  expect(learning.survival.survivalProbability("wholeNode", 0, 3_000)).toBeGreaterThan(0.85);
  expect(learning.survival.survivalProbability("wholeNode", 0, 20_000)).toBeLessThan(0.3);
  const report = learning.report();
  expect(report.sources.map(({ source }) => source)).toEqual(["survival"]);
  // One a hole, and one for a moment in the hole that a hook's job left behind.
  expect(report.sources[0]!.count).toBe(200);
  expect(report.sources[0]!.brier).toBeLessThan(0.2);
  expect(report.lives[0]!.closings).toBeGreaterThan(150);
});

test("Slurm's plans are scored separately from predictions by past holes", () => {
  const { learning } = newLearning();
  learning.planMade(planWith([]), 500);
  learning.planMade(planWith([hole(1_600)]), 1_000);
  learning.planMade(planWith([hole(1_600)]), 3_000);
  learning.planMade(planWith([]), 4_000);
  const sources = learning.report().sources;
  expect(sources.map(({ source }) => source)).toEqual(["planned"]);
  // It was said to be gone after a second, and was there; the forecast after that one was right.
  expect(sources[0]!.bins[0]).toMatchObject({ count: 2, observed: 0.5 });
});

test("learned data survives a restart, and unreadable parts are learned again", async () => {
  const known = newLearning();
  const { events, learning } = known;
  for (let round = 0; round < 200; round++) holeOf(known, (round + 1) * 60_000, 5_000);
  for (let run = 0; run < 5; run++)
    events.publish({ type: "functionRan", functionKey: "f", wallMs: 70, paceMs: null });
  await learning.save();
  const next = newLearning().learning;
  await next.load();
  expect(next.report()).toEqual(learning.report());
  expect(next.report().learnedFunctions).toBe(1);
  for (const name of ["survival", "calibration", "runtimes"]) await store.saveLearned(name, "[1]");
  const fresh = newLearning().learning;
  await fresh.load();
  expect(fresh.report()).toEqual(newLearning().learning.report());
});
