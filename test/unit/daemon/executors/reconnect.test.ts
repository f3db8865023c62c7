// An executor that connects again: what it is ordered before it says what it runs would be taken
// for lost.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import type { ExecutorConnection } from "../../../../src/daemon/executors/executors.js";
import type { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { HostileSite, type ScriptedExecutor, turn } from "../../../support/daemon/hostile-site.js";
import { storeForEachTest } from "../../../support/store/store.js";

const budget = { cores: 4, memoryMb: 4_000, gpus: [] };

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

let site: HostileSite;
let before: ScriptedExecutor;
let record: ExecutorRecord;
/** What a new attempt waits for before it is recorded. */
let mayBegin: Promise<void>;

beforeEach(async () => {
  mayBegin = Promise.resolve();
  site = new HostileSite({
    ...store,
    beginAttempt: async (attempt) => {
      await mayBegin;
      await store.beginAttempt(attempt);
    },
  });
  await site.start();
  before = await site.executorOn("n1", budget.cores);
  before.ready(budget);
  await before.isHeard();
  record = site.parts.registry.get(before.spec.executor)!;
});

afterEach(() => site.end());

/** On a new connection, without a word. */
async function connectAgain(): Promise<ScriptedExecutor> {
  const { line } = record;
  const again = await site.connect(before.spec);
  while (record.line === line) await turn();
  return again;
}

test("an executor that connects again is ordered nothing before it is ready", async () => {
  const again = await connectAgain();
  const id = await site.submit("ann", 1);
  await site.settled();
  expect(again.orders).toEqual([]);
  again.ready(budget);
  expect(await again.ordered(1)).toMatchObject([{ invocation: id, attempt: 1 }]);
});

test("an executor that leaves, as an earlier gleanerd told it, is ordered nothing", async () => {
  await site.stop();
  await site.start();
  const again = await site.connect(before.spec);
  again.ready(budget, { leaving: "drained by ann" });
  await again.isHeard();
  const id = await site.submit("ann", 1);
  await site.settled();
  expect(again.orders).toEqual([]);
  const other = await site.executorOn("n2", budget.cores);
  other.ready(budget);
  expect(await other.ordered(1)).toMatchObject([{ invocation: id, attempt: 1 }]);
});

test("an attempt recorded between two connections is ordered once, after the second is ready", async () => {
  let begin = () => {};
  mayBegin = new Promise((resolve) => {
    begin = resolve;
  });
  const id = await site.submit("ann", 1);
  await turn();
  const again = await connectAgain();
  begin();
  await site.settled();
  expect(again.orders).toEqual([]);
  again.ready(budget);
  expect(await again.ordered(1)).toMatchObject([{ invocation: id, attempt: 2 }]);
});

test("an executor that connects again is read no faster for it", () => {
  const inflows = [1, 2].map(() => {
    let inflow: unknown;
    const connection: ExecutorConnection = {
      send: () => true,
      close: async () => {},
      flushed: async () => {},
      unsentBytes: 0,
      listen: (handlers) => {
        inflow = handlers.inflow;
      },
    };
    site.parts.executors.connected(record.id, connection);
    return inflow;
  });
  expect(inflows[0]).toBeDefined();
  expect(inflows[1]).toBe(inflows[0]);
});
