// What is old leaves the database little by little; nobody's bill changes by it.

import { expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { pino } from "pino";
import type { Store } from "../../../../src/core/ports/store.js";
import { Retention } from "../../../../src/daemon/records/retention.js";
import {
  blobHash,
  executorId,
  type InvocationId,
  jobId,
  nodeName,
} from "../../../../src/model/ids.js";
import type { AttemptEnd } from "../../../../src/model/invocation.js";
import {
  sampleAttempt,
  sampleRequest,
  sampleResult,
  submitTo,
} from "../../../support/store/samples.js";
import { storeForEachTest } from "../../../support/store/store.js";

const dayMs = 86_400_000;
let file: string;
let store: Store;
storeForEachTest((opened, itsFile) => {
  [store, file] = [opened, itsFile];
});

let requests = 0;
const uidOf = (user: string) => (user === "ada" ? 1_000 : 1_001);
async function runOne(endedAtMs: number, user = "ada", before: AttemptEnd[] = []) {
  const [invocation] = await submitTo(
    store,
    sampleRequest(`r${++requests}`, { uid: uidOf(user), user }),
  );
  const id = invocation!.id;
  const ends: AttemptEnd[] = [...before, "COMPLETED"];
  for (const [index, end] of ends.entries()) {
    await store.beginAttempt(sampleAttempt(id, index + 1));
    await store.endAttempt(sampleResult(id, index + 1, end, { uid: uidOf(user), user, endedAtMs }));
  }
  return id;
}

async function pruneAll(beforeMs: number, limit = 3): Promise<number> {
  let calls = 0;
  while ((await store.prune(beforeMs, limit)) > 0) calls++;
  return calls;
}

function rows(table: string): number {
  const database = new Database(file, { readonly: true });
  const count = database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
  database.close();
  return count;
}

test("bills stay the same, by user and by day, and the ledger still balances", async () => {
  for (let index = 0; index < 7; index++) await runOne(dayMs + index, index % 2 ? "ada" : "bob");
  await runOne(2 * dayMs + 5, "ada", ["EVICTED", "LOST"]);
  const kept = await runOne(5 * dayMs);
  const day = (from: number, to: number) => store.bill({ fromMs: from * dayMs, toMs: to * dayMs });
  const bills = () =>
    Promise.all([store.bill({}), day(0, 2), day(2, 3), day(3, 9), store.verifyLedger()]);
  const before = await bills();
  expect(before[4]).toMatchObject({ balanced: true, postings: 9 });
  expect(await pruneAll(4 * dayMs)).toBeGreaterThan(2);
  expect(await bills()).toEqual(before);
  const left = await store.listInvocations({ limit: 100 });
  expect(left.map(({ id }) => id)).toEqual([kept]);
  expect([rows("submission"), rows("attempt"), rows("posting")]).toEqual([1, 1, 1]);
  await runOne(dayMs + 9);
  await pruneAll(4 * dayMs);
  expect(await store.verifyLedger()).toMatchObject({ balanced: true, attempts: 10, postings: 10 });
});

test("unfinished invocations stay, and a submission stays until its last task is removed", async () => {
  const waiting = await submitTo(store, sampleRequest("waits"));
  const tasks = await submitTo(store, sampleRequest("array", { tasks: [0, 1] }));
  const end = async (id: InvocationId, endedAtMs: number) => {
    await store.beginAttempt(sampleAttempt(id));
    await store.endAttempt(sampleResult(id, 1, "FAILED", { endedAtMs }));
  };
  await end(tasks[0]!.id, dayMs);
  await end(tasks[1]!.id, 8 * dayMs);
  await pruneAll(4 * dayMs);
  expect((await store.loadLive(0, 9)).map(({ invocation }) => invocation.id)).toEqual([
    waiting[0]!.id,
  ]);
  expect(await store.submissionOf(tasks[1]!.id)).toMatchObject({ arrayTasks: [0, 1] });
  await pruneAll(9 * dayMs);
  expect(rows("submission")).toBe(1);
});

test("an invocation whose posting is wrong stays for the operator to examine", async () => {
  const id = await runOne(dayMs);
  await runOne(dayMs);
  const database = new Database(file);
  database.exec(`UPDATE attempt SET wall_ms = wall_ms + 1 WHERE invocation = ${id}`);
  database.close();
  await pruneAll(4 * dayMs);
  expect((await store.listInvocations({ limit: 9 })).map((each) => each.id)).toEqual([id]);
  expect((await store.verifyLedger()).differences).toHaveLength(1);
});

test("a deleted posting is detected, and its amount stays in the bill", async () => {
  await runOne(dayMs);
  const before = await store.bill({});
  const database = new Database(file);
  database.exec("DELETE FROM posting");
  expect(() => database.exec("DELETE FROM ledger_day")).toThrow("never deleted");
  database.close();
  expect(await store.bill({})).toEqual(before);
  const { balanced, differences } = await store.verifyLedger();
  expect(balanced).toBe(false);
  expect(differences.join("\n")).toContain("do not agree");
});

test("records for reports are removed if they end before the retained period, else kept", async () => {
  const n1 = nodeName("n1");
  const hook = (kind: "begin" | "end", atMs: number) =>
    store.saveHookEvent({ node: n1, jobId: jobId(1), kind, atMs, cores: null });
  await hook("begin", 10);
  await hook("end", 900);
  await hook("begin", 5_000);
  const span = { node: n1, cores: 4 };
  await store.saveNodeSpans([
    { ...span, fromMs: 0, toMs: 100 },
    { ...span, fromMs: 100, toMs: 9_000 },
  ]);
  const holding = { ...span, executor: executorId("e1") };
  await store.saveHolding({ ...holding, fromMs: 5, toMs: 50 });
  await store.saveHolding({ ...holding, fromMs: 50, toMs: 5_000 });
  await store.saveConditions([
    { node: n1, condition: "ready", fromMs: 1 },
    { node: n1, condition: "full", fromMs: 500 },
    { node: n1, condition: "ready", fromMs: 2_000 },
    { node: nodeName("n2"), condition: "drained", fromMs: 1 },
  ]);
  const recent = await store.loadUtilization(1_000, 10_000);
  await pruneAll(1_000, 1);
  expect(await store.loadUtilization(1_000, 10_000)).toEqual(recent);
  expect(["hook_event", "node_span", "holding", "node_condition"].map(rows)).toEqual([1, 1, 1, 3]);
});

test("a content stays as long as the input or the result of a call refers to it", async () => {
  const kept = async (name: string) => {
    const sha256 = blobHash(name.repeat(64));
    const ownerUid = sampleRequest("").owner.uid;
    await store.keepBlob({ ownerUid, sha256, bytes: 70_000, keptAtMs: 1 });
    return { contentType: "text/plain", blob: sha256, bytes: 70_000 };
  };
  const [input, payload, alone] = [await kept("a"), await kept("b"), await kept("c")];
  const { id } = await store.submit({ ...sampleRequest("large"), inputs: [input] });
  await store.beginAttempt(sampleAttempt(id, 1));
  const answer = { kind: "result", payload } as const;
  const end = sampleResult(id, 1, "COMPLETED", { endedAtMs: Date.now() - 2 * dayMs });
  await store.endAttempt({ ...end, answer });
  expect([await store.inputToRun(id), await store.answerOf(id)]).toEqual([input, answer]);
  const unused = async () =>
    (await store.listUnusedBlobs(Date.now(), 9)).map(({ sha256 }) => sha256).sort();
  expect(await unused()).toEqual([alone.blob]);
  const policy = { retainDays: 90, keepResultsMs: dayMs };
  await new Retention(store, policy, pino({ enabled: false })).run();
  expect(await unused()).toEqual([input.blob, payload.blob, alone.blob]);
});

test("a call cannot refer to a content that is not its user's", async () => {
  const sha256 = blobHash("d".repeat(64));
  const another = sampleRequest("").owner.uid + 1;
  await store.keepBlob({ ownerUid: another, sha256, bytes: 70_000, keptAtMs: 1 });
  const input = { contentType: "text/plain", blob: sha256, bytes: 70_000 };
  await expect(store.submit({ ...sampleRequest("theirs"), inputs: [input] })).rejects.toThrow(
    "FOREIGN KEY",
  );
});

test("an old result is removed with its input and log, and its invocation stays", async () => {
  const answered = async (endedAtMs: number) => {
    const input = { contentType: "application/json", body: Buffer.from("1") };
    const [call] = await submitTo(store, { ...sampleRequest(`c${endedAtMs}`), inputs: [input] });
    const { id } = call!;
    await store.beginAttempt(sampleAttempt(id, 1));
    const answer = { kind: "result", payload: input } as const;
    const end = sampleResult(id, 1, "COMPLETED", { endedAtMs });
    await store.endAttempt({ ...end, answer, log: Buffer.from("printed") });
    return id;
  };
  const now = Date.now();
  const [old, young] = [await answered(now - 2 * dayMs), await answered(now)];
  const policy = { retainDays: 90, keepResultsMs: dayMs };
  await new Retention(store, policy, pino({ enabled: false })).run();
  const left = (id: InvocationId) =>
    Promise.all([store.answerOf(id), store.inputOf(id), store.callLogOf(id)]);
  expect(await left(old)).toEqual([null, null, null]);
  expect(await left(young)).not.toContain(null);
  expect(await store.listInvocations({ limit: 9 })).toHaveLength(2);
});
