// What a node reports of tasks that it was ordered to run one after another: together no more time
// than has passed.

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { nowMs } from "../../../../src/clock.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { believed } from "../../../../src/daemon/executors/testimony.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { newTaskRun, openWorker } from "../../../../src/daemon/state/shared-place.js";
import { executorId, invocationId, nodeName } from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import { invocation, submission } from "../../../support/nouns.js";

// No time passes between two reports.
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test("tasks of a run share the time since they were ordered, and one of them the place", () => {
  const { live, registry } = newState();
  const record = new ExecutorRecord(executorId("x1"), nodeName("n1"), "n1", 0);
  registry.add(record);
  const run = newTaskRun();
  const atMs = nowMs() - 100;
  for (const id of [1, 2, 3]) {
    const digest = digestOf(1_000, submission());
    const waiting = live.add({ invocation: invocation({ id: invocationId(id) }), digest }, null);
    const begun = { attempt: 1, startedAtMs: 0, node: record.node };
    live.assignments.order(live.begin(waiting, record.id, begun, run), { atMs, leadMs: 0 });
  }
  const [cores] = [...live.coresHeld.values()];
  expect(record.usedCores).toBe(cores);
  const used = { end: "COMPLETED", exitCode: 0, signal: null, cpuMs: 0, maxRssMb: 0 } as const;
  const walls = [1, 2, 3].map((id) => {
    const key = { invocation: invocationId(id), attempt: 1 };
    const report = { ...key, ...used, wallMs: 60, agoMs: 0, phases: undefined };
    const { wallMs } = believed(record, report, { live, graceMs: 0 })!;
    // It could not be recorded: the same report comes again, and took no more time for that.
    expect(believed(record, report, { live, graceMs: 0 })!.wallMs).toBe(wallMs);
    live.assignments.return(live.assignments.get(key.invocation)!);
    return wallMs;
  });
  expect(walls[0]).toBe(60);
  expect(walls[0]! + walls[1]! + walls[2]!).toBeLessThanOrEqual(nowMs() - atMs);
  expect(record.usedCores).toBe(0);
});

test("calls that share a worker may overlap, and pay together no more time than has passed", () => {
  const { live, registry } = newState();
  const record = new ExecutorRecord(executorId("x1"), nodeName("n1"), "n1", 0);
  registry.add(record);
  const openedFor = { invocation: invocationId(1), attempt: 1 };
  const worker = openWorker({ key: "w", seats: 3, openedFor });
  const atMs = nowMs() - 100;
  for (const id of [1, 2, 3]) {
    const digest = digestOf(1_000, submission());
    const waiting = live.add({ invocation: invocation({ id: invocationId(id) }), digest }, null);
    const begun = { attempt: 1, startedAtMs: 0, node: record.node };
    live.assignments.order(live.begin(waiting, record.id, begun, worker), { atMs, leadMs: 0 });
  }
  expect(record.toSlot().seats).toEqual(new Map());
  const used = { end: "COMPLETED", exitCode: 0, signal: null, cpuMs: 0, maxRssMb: 0 } as const;
  const told = [1, 2, 3].map((id) => {
    const key = { invocation: invocationId(id), attempt: 1 };
    const report = { ...key, ...used, wallMs: 90, shareMs: 45, agoMs: 0, phases: undefined };
    const { wallMs, shareMs } = believed(record, report, { live, graceMs: 0 })!;
    live.assignments.return(live.assignments.get(key.invocation)!);
    return { wallMs, shareMs: shareMs! };
  });
  expect(told.map(({ wallMs }) => wallMs)).toEqual([90, 90, 90]);
  expect(told[0]!.shareMs).toBe(45);
  const paid = told.reduce((sum, { shareMs }) => sum + shareMs, 0);
  expect(paid).toBeLessThanOrEqual(nowMs() - atMs);
  expect(record.usedCores).toBe(0);
});
