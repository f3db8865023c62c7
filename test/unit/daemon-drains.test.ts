// An executor that was on its way when its node was drained, or when all were dismissed, is told once it is ready.

import { beforeEach, expect, test } from "@jest/globals";
import type { Store } from "../../src/core/ports.js";
import { Drains } from "../../src/daemon/drains.js";
import { ExecutorRecord, Registry } from "../../src/daemon/registry.js";
import { executorId, nodeName } from "../../src/model/ids.js";
import type { DaemonMessage } from "../../src/wire/messages.js";

let drains: Drains;
let record: ExecutorRecord;
let told: DaemonMessage[];

beforeEach(() => {
  const registry = new Registry();
  record = new ExecutorRecord(executorId("n1.00000001"), nodeName("n1"), "n1", 0);
  registry.add(record);
  told = [];
  drains = new Drains({
    store: { setDrained: async () => {} } as unknown as Store,
    registry,
    knownNodes: () => [record.node],
    expandHostList: (text) => [text],
    graceMs: 700,
    wakeCapacity: () => {},
    giveUp: async () => {},
  });
});

/** Its launch ends: it is connected and ready. */
function comesUp(): void {
  const send = (message: DaemonMessage) => told.push(message) > 0;
  record.line = { send, close: () => {} };
  record.become("starting");
  record.become("ready");
  drains.tellIfDrained(record);
}

test("one that is ready after all were dismissed is stopped, and waited for", async () => {
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

test("one that is ready after its node was drained is drained", async () => {
  await drains.drain(["n1"], "root", false);
  comesUp();
  expect(told).toEqual([{ type: "drain", reason: "drained by root" }]);
  expect(record.state).toBe("draining");
});

test("where nothing is drained nothing is told", () => {
  comesUp();
  expect(told).toEqual([]);
  expect(record.takesWork).toBe(true);
});
