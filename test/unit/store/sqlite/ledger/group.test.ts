// Ends that are recorded in one transaction: the head of the ledger and the ends of a map are
// written once for all of them, and a call that fails takes nothing else with it.

import { beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { AttemptResult, Store } from "../../../../../src/core/ports/store.js";
import { type InvocationId, invocationId } from "../../../../../src/model/ids.js";
import { sampleAttempt, sampleRequest, sampleResult } from "../../../../support/store/samples.js";
import { storeForEachTest } from "../../../../support/store/store.js";

const version = "5e".repeat(32);
const tasks = 12;

let store: Store;
let file: string;
let map: InvocationId;
storeForEachTest((opened, itsFile) => {
  [store, file] = [opened, itsFile];
});
beforeEach(async () => {
  const request = sampleRequest("map");
  const settings = { runtime: "node", environment: {} } as never;
  const command = { kind: "call", function: "ada/f", version, bundleBytes: 1, settings } as const;
  const arrayTasks = [{ from: 0, to: tasks - 1, step: 1 }];
  const submission = { ...request.submission, command: command as never, arrayTasks };
  const body = { contentType: "", body: new Uint8Array() };
  const inputs = Array.from({ length: tasks }, () => body);
  map = (await store.submit({ ...request, submission, inputs })).id;
  const { invocation: _, ...attempt } = sampleAttempt(map);
  await store.beginTasks(
    attempt,
    inputs.map((_input, at) => invocationId(map + at)),
  );
});

/** In one turn, so in one group: whether each was recorded; null: it was refused. */
const end = (...results: AttemptResult[]) =>
  Promise.all(results.map((result) => store.endAttempt(result).catch(() => null)));

const result = (task: number) => sampleResult(invocationId(map + task));

/** Its postings are of another attempt. */
function refused(task: number): AttemptResult {
  const own = result(task);
  return { ...own, postings: own.postings.map((posting) => ({ ...posting, attempt: 2 })) };
}

/** The price is rejected by the database itself, after other statements. */
function rejected(task: number): AttemptResult {
  const own = result(task);
  return {
    ...own,
    postings: own.postings.map((posting) => ({ ...posting, amountMicroCredits: -1 })),
  };
}

const ends = async () =>
  (await store.listMapEnds(map, 0, 100)).map(({ number, firstId, lastId }) => [
    number,
    firstId - map,
    lastId - map,
  ]);

test("consecutive tasks that end together are one row, and others have rows of their own", async () => {
  await end(result(0), result(1), result(2), result(5), result(6), result(4));
  await end(result(3), result(7), result(8));
  expect(await ends()).toEqual([
    [1, 0, 2],
    [4, 5, 6],
    [6, 4, 4],
    [7, 3, 3],
    [8, 7, 8],
  ]);
});

test("one that fails changes neither the ledger's chain nor the ends of the map", async () => {
  const first = await end(result(0), rejected(1), refused(2), result(2), rejected(3));
  expect(first).toEqual([true, null, null, true, null]);
  // The first of a group fails, and the rest of it continues the chain.
  expect(await end(rejected(1), result(1), result(0))).toEqual([null, true, false]);
  expect(await store.verifyLedger()).toMatchObject({
    balanced: true,
    postings: 3,
    differences: [],
  });
  expect(await ends()).toEqual([
    [1, 0, 0],
    [2, 2, 2],
    [3, 1, 1],
  ]);
});

test("what else changes the ends of a map comes after those before it", async () => {
  const returned = sampleResult(invocationId(map + 9), 1, "EVICTED");
  await end(result(0), returned);
  const rest = [invocationId(map + 9), invocationId(map + 9)] as const;
  const cancelled = { state: "CANCELLED", reason: "cancelled by ada", endedAtMs: 5_000 } as const;
  const { state, reason, endedAtMs } = cancelled;
  await Promise.all([
    store.endAttempt(result(1)),
    store.endPending([rest], state, reason, endedAtMs),
    store.endAttempt(result(2)),
  ]);
  expect(await ends()).toEqual([
    [1, 0, 0],
    [2, 1, 1],
    [3, 9, 9],
    [4, 2, 2],
  ]);
});

test("a group after a forged head gets no valid seal", async () => {
  await end(result(0), result(1));
  const database = new Database(file);
  database.exec("UPDATE ledger_head SET sequence = sequence + 1");
  database.close();
  await end(result(2), result(3));
  const { balanced, differences } = await store.verifyLedger();
  expect(balanced).toBe(false);
  expect(differences.join("\n")).toContain("the head of the ledger is not as gleanerd wrote it");
});

test("of a row of many ends, one goes with each task that is removed", async () => {
  const old = { endedAtMs: 1_000 };
  const oldEnd = (task: number) =>
    sampleResult(invocationId(map + task), 1, "COMPLETED", { ...old });
  await end(oldEnd(0), oldEnd(1), oldEnd(2));
  await store.prune(2_000, 2);
  expect(await ends()).toEqual([[3, 2, 2]]);
  await end(result(3));
  expect(await ends()).toEqual([
    [3, 2, 2],
    [4, 3, 3],
  ]);
});
