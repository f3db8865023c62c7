// Attempts that SIGKILL does not end: after a grace they end for their user, and their resources
// are not free.

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { machineMonotonicNs } from "../../../../src/clock.js";
import type { Running } from "../../../../src/executor/attempts/attempt.js";
import { Attempts } from "../../../../src/executor/attempts/attempts.js";
import { hangGraceMs } from "../../../../src/executor/attempts/hanging.js";
import { AttemptNotices } from "../../../../src/executor/attempts/notices.js";
import { type Outcome, outcomeOf } from "../../../../src/executor/attempts/outcome.js";
import type {
  AttemptGroup,
  Containment,
} from "../../../../src/executor/containment/containment.js";
import { processGroups } from "../../../../src/executor/containment/process-groups.js";
import { type HungGroup, Unkillable } from "../../../../src/executor/containment/unkillable.js";
import { Conversation } from "../../../../src/executor/conversation.js";
import { Executor } from "../../../../src/executor/executor.js";
import type { RunEvents, Runtime } from "../../../../src/executor/runtimes/runtime.js";
import type { LaunchSpec } from "../../../../src/wire/launch.js";
import type { ExecutorMessage } from "../../../../src/wire/messages.js";
import { attemptOrder } from "../../../support/executor/orders.js";

const budget = { cores: 4, memoryMb: 4_000, gpus: [] };
const killWaitMs = 1_000;
let isHanging = true;
let isThere = true;
let run: RunEvents;

const group: AttemptGroup = {
  ...processGroups.openGroup("", { cores: 1, memoryMb: 100, gpus: [] }),
  isEmpty: () => !isThere,
  processes: () => (isThere ? [process.pid] : []),
  hanging: () => (isThere && isHanging ? [process.pid] : []),
};
const containment: Containment = { ...processGroups, openGroup: () => group };
let notified = 0;
const handle = { terminate: () => {}, notify: () => void notified++, kill: () => {} };
const runtime: Runtime = {
  hasIdle: false,
  seatFor: () => null,
  yieldTo: async () => {},
  hold: () => [],
  prepare: () => ({
    group,
    gpus: [],
    start: (events) => {
      run = events;
      return handle;
    },
    log: () => null,
    phases: () => null,
    lease: () => null,
    release: () => {},
  }),
};

beforeEach(() => {
  [isHanging, isThere] = [true, true];
  jest.useFakeTimers({ doNotFake: ["setImmediate"] });
});
afterEach(() => {
  jest.useRealTimers();
});

/** The attempts of an executor that has started one. */
function oneAttempt(order = attemptOrder()) {
  const told: (Outcome | HungGroup)[] = [];
  let running: readonly Running[] = [];
  const attempts: Attempts = new Attempts(containment, { killWaitMs }, runtime, {
    onStarted: () => {},
    onHung: (hung) => {
      running = attempts.running;
      told.push(hung);
    },
    onEnded: (_key, outcome) => void told.push(outcome),
    onNodeFull: () => {},
    isNodeShortOf: () => true,
    onTrouble: () => {},
  });
  attempts.start(order, budget);
  run.onStarted(process.pid);
  return { attempts, order, told, running: () => running };
}

test("an attempt over its time limit ends as TIMEOUT a grace after the kill, billed until the kill", () => {
  const { told, order, running } = oneAttempt(attemptOrder({ timeLimitMs: 5_000 }));
  jest.advanceTimersByTime(5_000 + killWaitMs + hangGraceMs - 1);
  expect(told).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(told).toMatchObject([
    { name: `${order.invocation}.1`, held: { cores: order.cores, memoryMb: order.memoryMb } },
    { end: "TIMEOUT", wallMs: 5_000 + killWaitMs },
  ]);
  expect(running()).toEqual([]);
});

test("a time limit that changes counts from the start, and ends at once what ran longer", () => {
  const { attempts, told, order } = oneAttempt(attemptOrder({ timeLimitMs: 5_000 }));
  const key = { invocation: order.invocation, attempt: order.attempt };
  attempts.limit(key, 8_000);
  jest.advanceTimersByTime(7_999);
  expect(attempts.running[0]!.isEnding).toBe(false);
  attempts.limit(key, 8_000);
  attempts.limit(key, 20_000);
  jest.advanceTimersByTime(2_001);
  expect(attempts.running[0]!.isEnding).toBe(false);
  attempts.limit(key, 9_000);
  jest.advanceTimersByTime(1);
  expect(attempts.running[0]!.isEnding).toBe(true);
  // It keeps its end, and the time until SIGKILL.
  attempts.limit(key, 20_000);
  jest.advanceTimersByTime(killWaitMs + hangGraceMs);
  expect(told.slice(1)).toMatchObject([
    { end: "TIMEOUT", wallMs: 10_000 + killWaitMs, reason: expect.stringMatching(/of 9000 ms/) },
  ]);
});

test("a notice comes before the changed time limit, and again only if that is later", () => {
  notified = 0;
  const notice = { signal: 10, leadMs: 1_000, mainOnly: false };
  const { attempts, order } = oneAttempt(attemptOrder({ timeLimitMs: 9_000, notice }));
  const key = { invocation: order.invocation, attempt: order.attempt };
  attempts.limit(key, 5_000);
  jest.advanceTimersByTime(3_999);
  expect(notified).toBe(0);
  jest.advanceTimersByTime(1);
  expect(notified).toBe(1);
  attempts.limit(key, 4_500);
  jest.advanceTimersByTime(400);
  expect(notified).toBe(1);
  attempts.limit(key, 9_500);
  // The raise took the first notice back, so a limit between the two has its own.
  attempts.limit(key, 9_000);
  jest.advanceTimersByTime(3_599);
  expect(notified).toBe(1);
  jest.advanceTimersByTime(1);
  expect(notified).toBe(2);
});

test("a notice comes at half of a limit that is lowered to its lead time", () => {
  notified = 0;
  const notice = { signal: 10, leadMs: 5_000, mainOnly: false };
  const { attempts, order } = oneAttempt(attemptOrder({ timeLimitMs: 9_000, notice }));
  attempts.limit({ invocation: order.invocation, attempt: order.attempt }, 5_000);
  jest.advanceTimersByTime(2_499);
  expect(notified).toBe(0);
  jest.advanceTimersByTime(1);
  expect(notified).toBe(1);
});

test.each([
  ["explains a death of its signal", 9_000, "TIMEOUT", /1000 ms before its time limit of 9000 ms/],
  ["explains none once the limit was raised", 20_000, "FAILED", /signal/],
])("the notice before a time limit %s", (_, limitMs, end, reason) => {
  const order = attemptOrder({ timeLimitMs: 9_000 });
  const asked = { signal: 10, leadMs: 1_000, mainOnly: false };
  const notices = new AttemptNotices(asked, order.timeLimitMs, () => {});
  const startNs = machineMonotonicNs();
  notices.started(null);
  jest.advanceTimersByTime(8_000);
  notices.limit(limitMs);
  jest.advanceTimersByTime(1);
  const used = { cpuMs: 0, maxRssMb: 1, oomKills: 0, brokenProcessLimit: null };
  const endNs = machineMonotonicNs();
  const died = { kind: "ended" as const, exitCode: 0, signal: 10, startNs, endNs, ...used };
  const outcome = outcomeOf(died, order, null, notices.given);
  expect(outcome).toMatchObject({ end, reason: expect.stringMatching(reason) });
});

test("a cancelled attempt ends as CANCELLED, once, whatever glean-spawn reports later", () => {
  const { attempts, told, order } = oneAttempt();
  attempts.cancel({ invocation: order.invocation, attempt: order.attempt }, "CANCELLED");
  jest.advanceTimersByTime(killWaitMs + hangGraceMs);
  run.onEnd({ kind: "vanished", message: "glean-spawn ended" });
  jest.advanceTimersByTime(60_000);
  expect(told.slice(1)).toMatchObject([{ end: "CANCELLED", wallMs: killWaitMs }]);
});

test("an attempt that is only slow to end is waited for until it hangs", () => {
  isHanging = false;
  const { attempts, told, order } = oneAttempt();
  attempts.cancel({ invocation: order.invocation, attempt: order.attempt }, "CANCELLED");
  jest.advanceTimersByTime(killWaitMs + 2 * hangGraceMs);
  expect(told).toEqual([]);
  isHanging = true;
  jest.advanceTimersByTime(1_000);
  expect(told).toHaveLength(2);
});

test("an attempt whose glean-spawn was killed ends, too", () => {
  const { told } = oneAttempt();
  run.onEnd({ kind: "vanished", message: "glean-spawn ended" });
  jest.advanceTimersByTime(hangGraceMs);
  expect(told.slice(1)).toMatchObject([{ end: "LOST", wallMs: 0 }]);
});

test("the daemon hears of the hanging processes and the smaller budget before the attempt's end", () => {
  const said: ExecutorMessage[] = [];
  const order = { budget, seenHookSequence: 0, knownJobs: [] };
  const facts = {
    ...{ totalCores: 4, maxCpusPerToldCpu: 1, maxMemoryPerCoreMb: null },
    ...{ memoryIsConsumable: true, jobsArePinned: false },
  };
  const spec = { ...facts, killWaitMs, gpuDevices: "", budget: order } as unknown as LaunchSpec;
  const unkillable = new Unkillable(
    { look: () => [] },
    { readUnkillable: () => [], noteUnkillable: () => {} },
    () => new Promise(() => {}),
    () => conversation.hungChanged(),
  );
  const executor = new Executor(
    spec,
    { readMarks: () => [], removeMarks: () => {}, takeKillNotes: () => [] },
    containment,
    () => {},
    {
      gone: () => {},
      hung: (group) => unkillable.add(group),
      isNodeShortOf: () => true,
      spawner: {
        start: (_order, _group, events) => {
          run = events;
          return handle;
        },
        close: async () => {},
      },
    },
  );
  const conversation = new Conversation(executor, order, null, unkillable);
  executor.setHookProblem(null);
  executor.onConnected((message) => said.push(message) > 0);
  const start = attemptOrder({ cores: 1, memoryMb: 100 });
  executor.onMessage({ type: "start", order: start });
  run.onStarted(process.pid);
  executor.onMessage({ type: "cancel", key: start });
  said.length = 0;
  jest.advanceTimersByTime(killWaitMs + hangGraceMs);
  expect(said.slice(0, 3)).toMatchObject([
    { type: "unkillable", report: { count: 1, held: { cores: 1, memoryMb: 100 } } },
    { type: "budget", budget: { cores: 3, memoryMb: 3_900 } },
    { type: "ended", report: { end: "CANCELLED" } },
  ]);
  isThere = false;
  jest.advanceTimersByTime(1_000);
  expect(unkillable.report.count).toBe(0);
  expect(executor.running).toEqual([]);
});
