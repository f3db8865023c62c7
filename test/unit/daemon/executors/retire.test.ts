// An executor that has to leave is told so once on each connection, and whoever listens hears of it
// once.

import { beforeEach, expect, test } from "@jest/globals";
import { nowMs } from "../../../../src/clock.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";
import type { DaemonMessage } from "../../../../src/wire/messages.js";
import { newState } from "../../../support/daemon/state.js";

let record: ExecutorRecord;
let told: DaemonMessage[];
let heard: string[];

const line = () => ({
  send: (message: DaemonMessage) => told.push(message) > 0,
  close: () => {},
});

beforeEach(() => {
  told = [];
  heard = [];
  const { events, registry } = newState();
  events.subscribe(["executorRetired"], ({ executor, retirement: { kind, reason } }) =>
    heard.push(`${executor.id} ${kind} ${reason}`),
  );
  record = new ExecutorRecord(executorId("x1"), nodeName("n1"), "n1", 0);
  registry.add(record);
  record.become("starting");
  record.become("ready");
  record.line = line();
});

test("an executor is told once although each plan retires it again", () => {
  for (const seconds of [1, 2, 3]) record.retire("stop", `closes in ${seconds} s`);
  record.retire("drain", "drained by root");
  expect(told).toEqual([{ type: "stop", reason: "closes in 1 s" }]);
  expect(heard).toEqual(["x1 stop closes in 1 s"]);
  expect(record.takesWork).toBe(false);
});

test("a stop overrides a drain", () => {
  record.retire("drain", "drained by root");
  record.retire("drain", "drained by ada");
  record.retire("stop", "the node is down", 700);
  expect(told).toEqual([
    { type: "drain", reason: "drained by root" },
    { type: "stop", reason: "the node is down", graceMs: 700 },
  ]);
});

test("a disconnected executor is announced once, and told on its next connection", () => {
  record.line = null;
  record.retire("stop", "full");
  record.retire("stop", "full");
  expect(heard).toHaveLength(1);
  record.line = line();
  record.retire("drain", "it was told to leave while it was disconnected");
  expect(told).toEqual([
    { type: "drain", reason: "it was told to leave while it was disconnected" },
  ]);
  expect(record.state).toBe("draining");
});

test("an executor that is only requested, or gone, is told nothing", () => {
  const young = new ExecutorRecord(executorId("x2"), nodeName("n2"), "n2", 0);
  young.line = line();
  young.retire("stop", "full");
  expect(young.state).toBe("requested");
  record.become("gone");
  record.retire("stop", "full");
  expect(told).toEqual([]);
});

test("an executor may return work after an order to leave or shrink, or a forecast end", () => {
  const held = { attempt: 1, cores: 1, memoryMb: 1, gpus: 0 };
  const before = { ...held, ordered: { atMs: nowMs() - 1_000, leadMs: 0 } };
  const after = { ...held, ordered: { atMs: nowMs() + 1_000, leadMs: 0 } };
  const noticed = { ...held, ordered: { atMs: nowMs() + 1_000, leadMs: 5 } };
  record.order({ cores: 4, memoryMb: 400, gpus: [] });
  expect(record.hadReasonToReturn(before)).toBe(false);
  record.order({ cores: 4, memoryMb: 399, gpus: [] });
  expect([before, after].map((each) => record.hadReasonToReturn(each))).toEqual([true, false]);
  expect(record.hadReasonToReturn(noticed)).toBe(false);
  record.toldEndAtMs = nowMs() + 60_000;
  expect([noticed, after].map((each) => record.hadReasonToReturn(each))).toEqual([true, false]);
  record.retire("drain", "drained by root");
  expect(record.hadReasonToReturn(after)).toBe(true);
});

test("only a ready, connected executor whose hook answers takes work", () => {
  expect(record.takesWork).toBe(true);
  record.hookProblem = "it is silent";
  expect(record.takesWork).toBe(false);
  record.hookProblem = null;
  record.line = null;
  expect(record.takesWork).toBe(false);
  record.line = line();
  record.become("draining");
  expect(record.takesWork).toBe(false);
});
