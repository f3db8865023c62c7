// An executor reconnects: attempts that it should not run are ended, and attempts that it does not
// mention are lost.

import { beforeEach, expect, test } from "@jest/globals";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { reconcile } from "../../../../src/daemon/executors/reconcile.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import { executorId, invocationId, nodeName } from "../../../../src/model/ids.js";
import type { DaemonMessage } from "../../../../src/wire/messages.js";
import { newState } from "../../../support/daemon/state.js";
import { invocation, submission } from "../../../support/nouns.js";

let record: ExecutorRecord;
let live: LiveInvocations;
let registry: Registry;
let sent: DaemonMessage[];

const keyOf = (id: number, attempt = 1) => ({ invocation: invocationId(id), attempt });
/** We gave it this attempt. */
function give(id: number, attempt = 1): void {
  const made = invocation({ id: invocationId(id), attempt: attempt - 1 });
  const each = live.add({ invocation: made, digest: digestOf(1_000, submission()) }, null);
  live.begin(each, record.id, { attempt, startedAtMs: 0, node: record.node });
}
const lost = (...answersFor: ReturnType<typeof keyOf>[]) =>
  reconcile(record, answersFor, live).map(({ invocation: id, attempt }) => [id, attempt]);

beforeEach(() => {
  sent = [];
  ({ live, registry } = newState());
  record = new ExecutorRecord(executorId("x1"), nodeName("n1"), "", 0);
  registry.add(record);
  record.line = { send: (message) => sent.push(message) > 0, close: () => {} };
});

test("an attempt that both sides know continues", () => {
  give(1);
  give(2, 3);
  expect(lost(keyOf(1), keyOf(2, 3))).toEqual([]);
  expect(sent).toEqual([]);
});

test("an attempt that the executor does not list, or only an older one, is lost", () => {
  give(1);
  give(2, 3);
  expect(lost(keyOf(2, 2))).toEqual([
    [1, 1],
    [2, 3],
  ]);
});

test("an attempt that was never ordered, or an outdated one, is cancelled; others continue", () => {
  give(1, 2);
  expect(lost(keyOf(1, 2), keyOf(7), keyOf(1, 1))).toEqual([]);
  expect(sent).toEqual([
    { type: "cancel", key: keyOf(7) },
    { type: "cancel", key: keyOf(1, 1) },
  ]);
});

test("an invocation cancelled or requeued while its executor was disconnected is ended", () => {
  give(1);
  give(2);
  give(3);
  live.get(invocationId(2))!.endReason = "cancelled by ada";
  live.get(invocationId(3))!.requeueRequested = true;
  expect(lost(keyOf(1), keyOf(2), keyOf(3))).toEqual([]);
  expect(sent).toEqual([
    { type: "cancel", key: keyOf(2), isRequeue: false },
    { type: "cancel", key: keyOf(3), isRequeue: true },
  ]);
});

test("a time limit that changed while something ran is sent each time, except to what is to end", () => {
  for (const id of [1, 2, 3]) {
    give(id);
    if (id > 1)
      live.get(invocationId(id))!.submission.changedLimits = { leastMs: 1, mostMs: 60_000 };
  }
  live.get(invocationId(3))!.endReason = "cancelled by ada";
  const { timeLimitMs } = live.get(invocationId(2))!;
  expect(lost(keyOf(1), keyOf(2), keyOf(3))).toEqual([]);
  expect(sent).toEqual([
    { type: "limit", key: keyOf(2), timeLimitMs },
    { type: "cancel", key: keyOf(3), isRequeue: false },
  ]);
});

test("attempts beyond the most that any node runs are ignored", () => {
  const many = Array.from({ length: 5_000 }, (_, index) => keyOf(index + 1));
  expect(lost(...many)).toEqual([]);
  expect(sent).toHaveLength(4_096);
});

test("an executor that has disconnected again is told nothing", () => {
  give(1);
  record.line = null;
  expect(lost(keyOf(7))).toEqual([[1, 1]]);
});
