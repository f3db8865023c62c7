// What gleanerd reads of one executor beyond its pace: answers to orders, and nothing for asking.

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { invocationId, versionId } from "../../../../src/model/ids.js";
import { maxLogBytes, maxPieceBytes } from "../../../../src/wire/call-checks.js";
import { type ExecutorInflow, executorInflow } from "../../../../src/wire/flow/executor-pace.js";
import type {
  AttemptOrder,
  CallAttemptOrder,
  DaemonMessage,
} from "../../../../src/wire/messages.js";

const key = { invocation: invocationId(1), attempt: 1 };
const version = versionId("0".repeat(64));
const reason = "none";

let inflow: ExecutorInflow;
beforeEach(() => {
  jest.useFakeTimers();
  inflow = executorInflow();
  inflow.took(0, 5_000);
});
afterEach(() => {
  jest.useRealTimers();
});

const start = (kind: string): DaemonMessage => ({
  type: "start",
  order: { command: { kind } } as AttemptOrder,
});

test("is as long as its pace allows before anything is sent", () => {
  expect(inflow.waitMs()).toBe(5);
});

test.each<DaemonMessage>([
  { type: "recorded", key },
  { type: "bundlePart", version, offset: 0, bytes: new Uint8Array(9_000), isLast: true },
  { type: "bundleRefused", version, reason, isLost: false },
  { type: "noPiece", key, reason },
  { type: "extendLease", key, inMs: 1 },
  { type: "piece", key, offset: 0, bytes: new Uint8Array(1) },
])("the reply $type entitles an executor to ask no more", (reply) => {
  for (let asked = 0; asked < 100; asked++) {
    inflow.took(0);
    inflow.sent(reply);
  }
  expect(inflow.waitMs()).toBeGreaterThan(490);
});

test("an order entitles it to tell of the attempt, and a call to its answer and what it printed", () => {
  inflow.sent(start("script"));
  expect(inflow.waitMs()).toBe(0);
  inflow.took(0, 4);
  expect(inflow.waitMs()).toBe(5);
  inflow.sent(start("call"));
  inflow.took(64 * 1024 + maxLogBytes);
  inflow.took(0, 2);
  expect(inflow.waitMs()).toBe(0);
});

test("what it is asked for costs it nothing, and each piece earns the next", () => {
  inflow.sent({ type: "fetchPiece", key, offset: 0, wantedBytes: maxPieceBytes });
  inflow.took(maxPieceBytes);
  expect(inflow.waitMs()).toBe(0);
  inflow.took(0, 3);
  inflow.sent({ type: "piece", key, offset: 0, bytes: new Uint8Array(maxPieceBytes) });
  inflow.took(0);
  expect(inflow.waitMs()).toBe(5);
});

test("each call of a run entitles an executor to answer as one that is ordered by itself", () => {
  const byThemselves = executorInflow();
  byThemselves.took(0, 5_000);
  for (let call = 0; call < 3; call++) byThemselves.sent(start("call"));
  const task = { invocation: invocationId(2), input: { contentType: "", body: new Uint8Array() } };
  const order = { command: { kind: "call" } } as CallAttemptOrder;
  inflow.sent({ type: "startRun", order, rest: [task, task] });
  for (const each of [byThemselves, inflow]) each.took(3 * 130_000, 12);
  expect(inflow.waitMs()).toBe(byThemselves.waitMs());
});
