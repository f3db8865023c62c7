// How the tasks of a map ended: at once if they have, else when the first of those asked for ends.

import { expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { listAnswers, listOutcomes } from "../../../../src/daemon/api/outcomes.js";
import { Waiters } from "../../../../src/daemon/invocations/waiters.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { InvocationId } from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import { submission } from "../../../support/nouns.js";
import {
  sampleAttempt,
  sampleRequest,
  sampleResult,
  submitTo,
} from "../../../support/store/samples.js";
import { storeForEachTest } from "../../../support/store/store.js";

let store: Store;
let live: LiveInvocations;
let waiters: Waiters;
const caller = { uid: 1_000, gid: 1_000, user: "ada", operator: false };

storeForEachTest((opened) => {
  store = opened;
  const state = newState();
  live = state.live;
  waiters = new Waiters(live, state.events);
});

const payload = (text: string) => ({ contentType: "application/json", body: Buffer.from(text) });

async function map(tasks: number): Promise<InvocationId> {
  const numbers = Array.from({ length: tasks }, (_, at) => at);
  const made = await submitTo(store, {
    ...sampleRequest("map", { tasks: numbers, uid: caller.uid }),
    inputs: numbers.map((each) => payload(String(each))),
  });
  for (const invocation of made)
    live.add({ invocation, digest: digestOf(caller.uid, submission()) }, null);
  return made[0]!.id;
}

async function ends(first: InvocationId, task: number, text: string): Promise<void> {
  const id = (first + task) as InvocationId;
  await store.beginAttempt(sampleAttempt(id, 1));
  const end = sampleResult(id, 1, "COMPLETED", {});
  await store.endAttempt({ ...end, answer: { kind: "result", payload: payload(text) } });
  // The record in memory goes, whatever its last state there was.
  live.finish(live.get(id)!, { state: "CANCELLED", endedAtMs: 5 });
}

const ask = (id: string, tasks: string, waitMs: number) =>
  listOutcomes({ store, live, waiters }, caller, { id, tasks, waitMs }, AbortSignal.abort());
const wait = (id: string, tasks: string) =>
  listOutcomes(
    { store, live, waiters },
    caller,
    { id, tasks, waitMs: 60_000 },
    new AbortController().signal,
  );

test("lists the tasks that have ended among those asked for, with their answers", async () => {
  const id = await map(5);
  for (const task of [4, 0, 2]) await ends(id, task, `${task * 10}`);
  const outcome = (task: number) => ({
    ...{ task, state: "COMPLETED", reason: null },
    answer: {
      kind: "result",
      payload: { contentType: "application/json", text: `${task * 10}` },
    },
  });
  expect(await wait(String(id), "0-1,4")).toEqual([outcome(0), outcome(4)]);
  expect(await wait(`${id}_2`, "0")).toEqual([{ ...outcome(2), task: 0 }]);
  expect(await ask(String(id), "1,3", 60_000)).toEqual([]);
});

test("waits for a task that is asked for, and for no other", async () => {
  const id = await map(3);
  let outcomes: unknown = null;
  const waiting = wait(String(id), "1").then((found) => {
    outcomes = found;
  });
  await ends(id, 0, "other");
  await new Promise((resolve) => setImmediate(resolve));
  expect(outcomes).toBeNull();
  await ends(id, 1, "mine");
  await waiting;
  expect(outcomes).toMatchObject([{ task: 1, answer: { payload: { text: "mine" } } }]);
});

test("tells of tasks that were cancelled while they waited, and of one whose answer is kept no longer", async () => {
  const first = await map(4);
  await ends(first, 1, "1");
  await ends(first, 2, "2");
  await store.pruneAnswers(Number.MAX_SAFE_INTEGER, 1);
  const waiting = [0, 3].map((task) => (first + task) as InvocationId);
  const reason = "cancelled by ada";
  const ranges = waiting.map((id) => [id, id] as const);
  await store.endPending(ranges, "CANCELLED", reason, 5);
  for (const id of waiting) live.finish(live.get(id)!, { state: "CANCELLED", endedAtMs: 5 });
  const cancelled = { state: "CANCELLED", reason, answer: null };
  expect(await ask(String(first), "0-3", 0)).toEqual([
    { task: 0, ...cancelled },
    { task: 1, state: "COMPLETED", reason: null, answer: null },
    { task: 2, state: "COMPLETED", reason: null, answer: expect.objectContaining({}) },
    { task: 3, ...cancelled },
  ]);
});

test("one answer has a bounded size, and the next has the rest", async () => {
  const id = await map(201);
  const large = JSON.stringify("x".repeat(60_000));
  for (let task = 0; task < 201; task++) await ends(id, task, large);
  const found = await wait(String(id), "0-200");
  expect(found.map(({ task }) => task)).toEqual(Array.from({ length: 100 }, (_, at) => at));
  expect(await wait(String(id), "100-200")).toHaveLength(100);
  expect(await wait(String(id), "200")).toHaveLength(1);
});

test.each([["3"], ["0-3"], ["2-1"]])("refuses the tasks %s of three", async (tasks) => {
  const id = await map(3);
  await expect(wait(String(id), tasks)).rejects.toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining("of the 3 tasks"),
  });
});

test("is for the owner of the map", async () => {
  const id = await map(1);
  const other = { ...caller, uid: 1_001 };
  await expect(
    listOutcomes(
      { store, live, waiters },
      other,
      { id: `${id}`, tasks: "0", waitMs: 0 },
      AbortSignal.abort(),
    ),
  ).rejects.toMatchObject({ code: "NOT_ALLOWED" });
});

test("the answers of a map come in parts of a few MiB, none left out or repeated", async () => {
  const tasks = 150;
  const first = await map(tasks);
  for (let task = 0; task < tasks; task++) await ends(first, task, "x".repeat(64 * 1024));
  const seen: number[] = [];
  let parts = 0;
  for (let after: number | null = -1; after !== null; parts++) {
    const { answers, next } = await listAnswers(store, caller, String(first), {
      after,
      limit: 1_000,
    });
    seen.push(...answers.map(({ task }) => task));
    after = next;
  }
  expect(seen).toEqual(Array.from({ length: tasks }, (_, task) => task));
  expect(parts).toBeGreaterThan(1);
});
