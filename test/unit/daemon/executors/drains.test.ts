// An executor that was starting, or disconnected, when its node was drained, or when all were
// dismissed, is told once it is ready.

import { beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { Drain, Store } from "../../../../src/core/ports/store.js";
import { Drains } from "../../../../src/daemon/executors/drains.js";
import type { Assignments } from "../../../../src/daemon/state/assignments.js";
import type { Events } from "../../../../src/daemon/state/events.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import { executorId, type NodeName, nodeName } from "../../../../src/model/ids.js";
import type { DaemonMessage } from "../../../../src/wire/messages.js";
import { give, newState } from "../../../support/daemon/state.js";

let drains: Drains;
let record: ExecutorRecord;
let told: DaemonMessage[];
let withdrawn: string[];
/** As it is on disk. */
let rows: Map<NodeName, Drain>;
let events: Events;
let registry: Registry;
let assignments: Assignments;

beforeEach(() => {
  ({ events, registry, assignments } = newState());
  record = new ExecutorRecord(executorId("n1.00000001"), nodeName("n1"), "n1", 0);
  registry.add(record);
  told = [];
  withdrawn = [];
  rows = new Map();
  drains = newDrains();
});

/** As a daemon that starts has it. */
function newDrains(): Drains {
  const setDrained = async (node: NodeName, drain: Drain | null) => {
    if (drain === null) rows.delete(node);
    else rows.set(node, drain);
  };
  const loadDrained = async () => [...rows].map(([node, drain]) => ({ node, ...drain }));
  return new Drains({
    store: { setDrained, loadDrained } as unknown as Store,
    registry,
    launcher: { withdraw: async (id) => void withdrawn.push(id) },
    knownNodes: () => [record.node, nodeName("n2")],
    expandHostList: (text) => [text],
    graceMs: 700,
    events,
    giveUp: async () => {},
    log: pino({ enabled: false }),
  });
}

/** Its launch ends: it is connected and ready. */
function comesUp(): void {
  record.become("starting");
  record.become("ready");
  isBack();
}

/** It is connected again, and has said that it is ready. */
function isBack(): void {
  const send = (message: DaemonMessage) => told.push(message) > 0;
  record.line = { send, close: () => {} };
  drains.tellIfDrained(record);
}

/** It was at work when its connection was lost. */
function isAway(): void {
  comesUp();
  record.line = null;
  give(assignments, record.id);
}

test("an executor that becomes ready after dismissAll is stopped, and awaited", async () => {
  let isOver = false;
  const dismissed = drains.dismissAll("gleanerd stops").then(() => {
    isOver = true;
  });
  comesUp();
  expect(told).toEqual([{ type: "stop", reason: "gleanerd stops", graceMs: 700 }]);
  expect(record.takesWork).toBe(false);
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  record.become("gone");
  await dismissed;
});

test("an executor that becomes ready after its node was drained is drained", async () => {
  await drains.drain(["n1"], "root", false);
  comesUp();
  expect(told).toEqual([{ type: "drain", reason: "drained by root" }]);
  expect(record.state).toBe("draining");
});

test("an executor is told nothing if no node is drained", () => {
  comesUp();
  expect(told).toEqual([]);
  expect(record.takesWork).toBe(true);
});

const stop = { type: "stop", reason: "drained by root", graceMs: 700 };

test("an executor disconnected during a drain --now is stopped as soon as it reconnects", async () => {
  isAway();
  await drains.drain(["n1"], "root", true);
  expect(told).toEqual([]);
  isBack();
  expect(told).toEqual([stop]);
  expect(record.state).toBe("draining");
});

test("it is stopped, too, after a drain --now of all nodes and a restart of the daemon", async () => {
  isAway();
  await drains.drain(["all"], "root", true);
  drains = newDrains();
  await drains.load();
  isBack();
  expect(told).toEqual([stop]);
});

test("a node drained with --now stays so until it is resumed", async () => {
  isAway();
  await drains.drain(["n1"], "root", true);
  await drains.drain(["n1"], "ada", false);
  isBack();
  expect(told).toEqual([{ ...stop, reason: "drained by ada" }]);
  await drains.resume(["n1"]);
  await drains.drain(["n1"], "ada", false);
  isBack();
  expect(told.at(-1)).toEqual({ type: "drain", reason: "drained by ada" });
});

test("functions on a drained node are not stopped when another node is drained with --now", async () => {
  comesUp();
  await drains.drain(["n1"], "root", false);
  await drains.drain(["n2"], "root", true);
  expect(told.map(({ type }) => type)).not.toContain("stop");
});

test("a drained executor is told once, whatever else is drained, and once more on --now", async () => {
  comesUp();
  await drains.drain(["n1"], "root", false);
  await drains.drain(["n1", "n2"], "ada", false);
  expect(told).toEqual([{ type: "drain", reason: "drained by root" }]);
  await drains.drain(["n1"], "root", true);
  await drains.drain(["all"], "root", true);
  expect(told.slice(1)).toEqual([stop]);
});

test("an executor that was to leave while disconnected is told to, even if its node was resumed", async () => {
  isAway();
  await drains.drain(["n1"], "root", true);
  await drains.resume(["n1"]);
  isBack();
  expect(told).toEqual([
    { type: "drain", reason: "it was told to leave while it was disconnected" },
  ]);
});

describe("a disconnected pilot", () => {
  beforeEach(() => {
    registry.remove(record);
    record = new ExecutorRecord(record.id, record.node, "n1", 0, "pilot");
    registry.add(record);
  });

  test("is cancelled when its node is drained with --now and it has work", async () => {
    isAway();
    await drains.drain(["n1"], "root", true);
    expect(withdrawn).toEqual([record.id]);
    // Slurm tells when it is gone.
    expect(record.state).toBe("draining");
  });

  test("may end its work when its node is only drained, and is left to the next plan while it waits", async () => {
    await drains.drain(["n1"], "root", true);
    await drains.resume(["n1"]);
    isAway();
    await drains.drain(["n1"], "root", false);
    expect(withdrawn).toEqual([]);
  });
});
