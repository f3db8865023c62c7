// An executor that is gone, however it went: its launcher keeps nothing of it.

import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import {
  Executors,
  type ExecutorsDependencies,
} from "../../../../src/daemon/executors/executors.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";
import type { Beat } from "../../../../src/wire/connection.js";
import type { DaemonMessage, ExecutorMessage } from "../../../../src/wire/messages.js";
import { newState } from "../../../support/daemon/state.js";

let registry: Registry;
let executors: Executors;
let record: ExecutorRecord;
let asked: string[];

beforeEach(() => {
  const state = newState();
  registry = state.registry;
  asked = [];
  record = new ExecutorRecord(executorId("n1.00000001"), nodeName("n1"), "n1", 0, "pilot");
  registry.add(record);
  executors = new Executors({
    registry,
    launcher: {
      withdraw: async (id: string) => void asked.push(`withdraw ${id}`),
      forget: (id: string) => void asked.push(`forget ${id}`),
    },
    dispatcher: { kick: () => {} },
    tellIfDrained: () => {},
    store: { saveExecutor: async () => {} },
    log: pino({ enabled: false }),
    events: state.events,
    live: state.live,
  } as unknown as ExecutorsDependencies);
});

/** Connects the executor; returns how it says something. */
function connect(): (message: Exclude<ExecutorMessage, Beat>) => void {
  let says: (message: Exclude<ExecutorMessage, Beat>) => void = () => {};
  executors.connected(record.id, {
    send: () => true,
    close: async () => {},
    listen: ({ onMessage }) => {
      says = onMessage;
    },
  });
  return (message) => says(message);
}

test("an executor that leaves by itself is forgotten", async () => {
  const says = connect();
  says({ type: "leaving", reason: "there was no work" });
  await record.whenGone;
  expect(asked).toEqual([`forget ${record.id}`]);
  expect(registry.all()).toEqual([]);
});

test("an executor that departs is given no more work", () => {
  const says = connect();
  const budget = { cores: 4, memoryMb: 4_000, gpus: [] };
  record.order(budget);
  says({
    type: "ready",
    ...{ pid: 1, hostName: "n1", hookProblem: null, containment: "cgroup2", budget },
    ...{ answersFor: [], markedJobs: [], hookSequence: 0 },
  });
  expect(record.takesWork).toBe(true);
  says({ type: "departing", reason: "it had no work for 10000 ms" });
  expect(record.takesWork).toBe(false);
  executors.close();
});

test("an executor that is given up is withdrawn before it is forgotten", async () => {
  await executors.giveUp(record, "it was not heard of");
  expect(asked).toEqual([`withdraw ${record.id}`, `forget ${record.id}`]);
});

test("one that is given up is told to exit, also while it starts", async () => {
  const told: DaemonMessage[] = [];
  record.line = { send: (message) => told.push(message) > 0, close: () => {} };
  await executors.giveUp(record, "it did not connect");
  const [reason] = told.map((message) => "reason" in message && message.reason);
  expect(told).toEqual([{ type: "stop", reason }]);
  expect(reason).toMatch(/gave this executor up: it did not connect/);
});
