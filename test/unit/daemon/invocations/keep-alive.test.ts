// How long the workers of calls stay idle: learned from the calls of each caller's functions.

import { beforeEach, expect, test } from "@jest/globals";
import { KeepAlive } from "../../../../src/daemon/invocations/keep-alive.js";
import type { Events } from "../../../../src/daemon/state/events.js";
import { unsetSettings } from "../../../../src/model/functions/settings.js";
import { invocationId } from "../../../../src/model/ids.js";
import type { Invocation, Submission } from "../../../../src/model/invocation.js";
import { shiftedClock } from "../../../support/daemon/shifted-clock.js";
import { newState } from "../../../support/daemon/state.js";
import * as made from "../../../support/nouns.js";

let events: Events;
let keepAlive: KeepAlive;
beforeEach(() => {
  ({ events } = newState());
  keepAlive = new KeepAlive(events);
});

const called = (idleTimeoutMs: number | null, isCheck = false): Submission => {
  const settings = { ...unsetSettings, runtime: "node", memoryMb: 1, timeLimitMs: 1 } as const;
  const command = { kind: "call", function: "ada/tile", version: "ab", bundleBytes: 1 } as const;
  return {
    ...made.submission(),
    command: { ...command, settings: { ...settings, idleTimeoutMs }, isCheck },
  };
};
const call = (id: number) => made.invocation({ id: invocationId(id) });
const live = (invocation: Invocation) => ({ ...invocation, invocation, workerKey: "kind" });

test("a function's first worker stays for what a cold start is worth", () => {
  expect(keepAlive.keepMs(live(call(1)), called(null))).toBe(900_000);
});

test("calls in quick succession teach a short time; a second attempt is no call of its own", () => {
  for (let id = 1; id <= 50; id++) {
    const invocation = call(id);
    for (let attempt = 0; attempt < 3; attempt++) keepAlive.keepMs(live(invocation), called(null));
    events.publish({ type: "invocationEnded", invocation });
  }
  const learnedMs = keepAlive.keepMs(live(call(51)), called(null))!;
  expect(learnedMs).toBeLessThan(900_000);
});

test("nothing is learned for commands and checks, or said where the function names a time", () => {
  expect(keepAlive.keepMs(live(call(1)), made.submission())).toBeNull();
  expect(keepAlive.keepMs(live(call(2)), called(null, true))).toBeNull();
  expect(keepAlive.keepMs(live(call(3)), called(5_000))).toBeNull();
});

test("a call is expected after some at even intervals, until nobody expects it any more", () => {
  const clock = shiftedClock();
  try {
    for (let id = 1; id <= 8; id++) {
      keepAlive.keepMs(live(call(id)), called(null));
      events.publish({ type: "invocationEnded", invocation: call(id) });
      clock.forward(30_000);
    }
    expect(keepAlive.expected()).toMatchObject([
      { workerKey: "kind", outlook: { seats: [{ mayStart: true }] } },
    ]);
    keepAlive.forget("kind");
    expect(keepAlive.expected()).toEqual([]);
  } finally {
    clock.restore();
  }
});

test("a worker that is lost is wanted again until half of its time is over, and eight times at most", () => {
  const clock = shiftedClock();
  try {
    keepAlive.keepMs(live(call(1)), called(null));
    events.publish({ type: "invocationEnded", invocation: call(1) });
    const mayStart = () => keepAlive.expected()[0]!.outlook.seats.map((seat) => seat.mayStart);
    clock.forward(400_000);
    expect(mayStart()).toEqual([true]);
    clock.forward(100_000);
    expect(mayStart()).toEqual([false]);
    for (let start = 1; start < 8; start++) keepAlive.startedAhead("kind");
    expect(keepAlive.expected()).toHaveLength(1);
    keepAlive.startedAhead("kind");
    expect(keepAlive.expected()).toEqual([]);
    keepAlive.notStarted("kind");
    expect(keepAlive.expected()).toHaveLength(1);
    keepAlive.startedAhead("kind");
    keepAlive.keepMs(live(call(2)), called(null));
    expect(keepAlive.expected()).toHaveLength(1);
  } finally {
    clock.restore();
  }
});

test("the calls of a run need one worker, and nothing is started ahead for calls with GPUs", () => {
  const clock = shiftedClock();
  try {
    for (let id = 1; id <= 20; id++) keepAlive.keepMs(live(call(id)), called(null), id > 1);
    for (let id = 1; id <= 20; id++)
      events.publish({ type: "invocationEnded", invocation: call(id) });
    clock.forward(1_000);
    expect(keepAlive.expected()[0]!.outlook.seats).toHaveLength(1);
    keepAlive.keepMs(live({ ...call(21), gpus: 1 }), called(null));
    expect(keepAlive.expected()).toEqual([]);
  } finally {
    clock.restore();
  }
});

test("nothing is expected of a function that says how long its workers stay", () => {
  keepAlive.keepMs(live(call(1)), called(5_000));
  expect(keepAlive.expected()).toEqual([]);
});
