// The phases of an invocation in time: cold and warm, evicted and again, and with clocks that
// disagree.

import { describe, expect, test } from "@jest/globals";
import { explainCall } from "../../../../src/core/explain/calls.js";
import { invocationId } from "../../../../src/model/ids.js";
import { timelineOf } from "../../../../src/model/records/timeline.js";
import { sampleAttempt } from "../../../support/store/samples.js";

const made = (number: number, change: object = {}) => ({
  ...sampleAttempt(invocationId(1), number),
  startedAtMs: 1_000,
  endedAtMs: 2_000,
  wallMs: 700,
  state: "COMPLETED" as const,
  ...change,
});
const ended = { submittedAtMs: 900, state: "COMPLETED" } as const;
const shown = (...args: Parameters<typeof timelineOf>) =>
  timelineOf(...args).map(({ kind, fromMs, toMs }) => `${kind} ${fromMs}-${toMs}`);

const cold = { fetchMs: 100, startMs: 200, loadMs: 300, runMs: 200 };

describe("a timeline", () => {
  test("of a warm call has its wait, its way and its run", () => {
    expect(shown(ended, [made(1)], 9_000)).toEqual([
      "queued 900-1000",
      "placed 1000-1300",
      "run 1300-2000",
    ]);
  });

  test("of a cold call has the phases of its worker's start", () => {
    expect(shown(ended, [made(1, { phases: cold })], 9_000)).toEqual([
      ...["queued 900-1000", "placed 1000-1200", "fetch 1200-1300"],
      ...["start 1300-1500", "import 1500-1800", "run 1800-2000"],
    ]);
  });

  test("stays within the attempt, whatever the node's clock says", () => {
    const phases = { fetchMs: 50_000, startMs: 60_000, loadMs: 70_000, runMs: 900 };
    expect(shown(ended, [made(1, { wallMs: 80_000, phases })], 9_000)).toEqual([
      ...["queued 900-1000", "import 1000-1100", "run 1100-2000"],
    ]);
  });

  test("of one that was evicted waits again, and one that waits or runs goes on until now", () => {
    const evicted = made(1, { state: "EVICTED" });
    expect(shown({ ...ended, state: "PENDING" }, [evicted], 9_000).at(-1)).toBe("queued 2000-9000");
    const running = { startedAtMs: 2_500, endedAtMs: null, wallMs: null, state: "RUNNING" };
    const spans = shown({ ...ended, state: "RUNNING" }, [evicted, made(2, running)], 9_000);
    expect(spans.slice(-2)).toEqual(["queued 2000-2500", "run 2500-9000"]);
  });
});

describe("an explanation of a call", () => {
  test("tells of a warm worker, and of each phase of a cold start", () => {
    const evicted = made(1, { state: "EVICTED", phases: cold });
    const again = made(2, { startedAtMs: 22_000, endedAtMs: 22_050, wallMs: 40 });
    expect(explainCall(ended, [evicted, again], 90_000)).toEqual([
      "attempt 1 began on n1 after a wait of 100 ms",
      "it was a cold start: to fetch the code took 100 ms, to start the worker 200 ms, to load the handler 300 ms",
      "it ran for 200 ms and was evicted: it starts again elsewhere",
      "attempt 2 began on n1 after a wait of 20.0 s",
      "a warm worker took it; it ran for 40 ms",
    ]);
  });

  test("says why an attempt ended without the call", () => {
    const why = { reason: "call 7 ended it", wallMs: 40 };
    const ran = (state: string, last: object) =>
      explainCall({ ...ended, ...last }, [made(1, { ...why, state }), made(2)], 90_000)[1];
    expect(ran("FAILED", {})).toBe(
      "a warm worker took it; it ran for 40 ms and was interrupted (call 7 ended it): it starts again, and this attempt is billed, too",
    );
    expect(ran("EVICTED", {})).toMatch(/was evicted \(call 7 ended it\): it starts again/);
    const failed = made(1, { ...why, state: "FAILED" });
    const waits = explainCall({ ...ended, state: "PENDING" }, [failed], 90_000);
    expect(waits[1]).toMatch(/was interrupted \(call 7 ended it\)/);
    const unstarted = explainCall(
      { ...ended, state: "PENDING" },
      [{ ...failed, wallMs: 0 }],
      9_000,
    );
    expect(unstarted[1]).toMatch(/it did not run \(call 7 ended it\): it is tried again/);
    const isOver = explainCall({ ...ended, state: "FAILED" }, [failed], 90_000);
    expect(isOver[1]).toBe("a warm worker took it; it ran for 40 ms");
  });

  test("tells whose worker a call shared, and what it pays", () => {
    const opened = made(1, { shareMs: 300, phases: cold });
    const shared = made(1, { shareMs: 200, sharesWith: invocationId(7) });
    const part = (ms: number) =>
      `beside other calls: its part of that time, for which it pays, is ${ms} ms`;
    expect(explainCall(ended, [opened], 90_000)[2]).toBe(`it ran for 200 ms, ${part(300)}`);
    expect(explainCall(ended, [shared], 90_000).slice(1)).toEqual([
      `it got a seat in the worker that was opened for call 7; it ran for 700 ms, ${part(200)}`,
    ]);
  });

  test("says nothing yet of one that runs", () => {
    const running = made(1, { endedAtMs: null, wallMs: null, state: "RUNNING" });
    expect(explainCall({ ...ended, state: "RUNNING" }, [running], 9_000)).toEqual([
      "attempt 1 began on n1 after a wait of 100 ms",
      "it has not ended yet: what its phases took is known at its end",
    ]);
    expect(explainCall({ ...ended, state: "PENDING" }, [], 9_000)).toEqual([]);
  });
});
