// The store's invocations and attempts: submit, begin, end, list, load, on a real database file.

import { statSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import {
  executorId,
  type InvocationId,
  invocationId,
  nodeName,
} from "../../../../src/model/ids.js";
import {
  sampleAttempt,
  sampleRequest,
  sampleResult,
  submitTo,
} from "../../../support/store/samples.js";
import { type StoreFolder, storeForEachTest } from "../../../support/store/store.js";

let folder: StoreFolder;
let file: string;
let store: Store;
storeForEachTest((opened, itsFile, itsFolder) => {
  [store, file, folder] = [opened, itsFile, itsFolder];
});

const submitOne = async (requestId: string) =>
  (await submitTo(store, sampleRequest(requestId)))[0]!.id;
const stored = (error: { message?: string; code?: string }) => expect.objectContaining(error);

const endPending = (
  ids: readonly InvocationId[],
  ...end: [state: "CANCELLED" | "FAILED", reason: string, endedAtMs: number]
) =>
  store.endPending(
    ids.map((id) => [id, id]),
    ...end,
  );

describe("submit", () => {
  test("gives small ids from 1 and returns what was submitted", async () => {
    const [first] = await submitTo(store, sampleRequest("a"));
    expect(first).toEqual({
      id: 1,
      arrayJobId: null,
      arrayTaskId: null,
      owner: { uid: 1_000, gid: 100, user: "ada" },
      name: "sum",
      cores: 2,
      memoryMb: 500,
      gpus: 0,
      timeLimitMs: 60_000,
      state: "PENDING",
      submittedAtMs: 1_000,
      startedAtMs: null,
      endedAtMs: null,
      attempt: 0,
      exitCode: null,
      signal: null,
      reason: null,
      node: null,
      wallMs: null,
      cpuMs: null,
      maxRssMb: null,
    });
    expect(await submitOne("b")).toBe(2);
  });

  test("creates one invocation for each task of an array, with consecutive ids", async () => {
    await submitOne("before");
    const tasks = await submitTo(store, sampleRequest("array", { tasks: [3, 7, 5] }));
    expect(tasks.map((each) => [each.id, each.arrayJobId, each.arrayTaskId])).toEqual([
      [2, 2, 3],
      [3, 2, 7],
      [4, 2, 5],
    ]);
    expect(await submitOne("after")).toBe(5);
  });

  test("records the same request once, also after a restart, and refuses it to another user", async () => {
    const request = sampleRequest("again", { tasks: [1, 2] });
    const [first, second] = await Promise.all([submitTo(store, request), submitTo(store, request)]);
    expect(second).toEqual(first);
    await store.close();
    store = await folder.open(file);
    expect(await submitTo(store, request)).toEqual(first);
    expect(await store.listInvocations({ limit: 10 })).toHaveLength(2);
    await expect(
      submitTo(store, sampleRequest("again", { user: "eve", uid: 1_001 })),
    ).rejects.toEqual(stored({ code: "NOT_ALLOWED" }));
  });

  test("returns the invocations as later reads do", async () => {
    for (const tasks of [null, [3, 1]]) {
      const recorded = await submitTo(store, sampleRequest(`tasks ${tasks}`, { tasks }));
      const ids = recorded.map(({ id }) => id);
      expect(await store.listInvocations({ ids, limit: 9 })).toEqual(recorded);
    }
  });

  test("returns the submission unchanged for each task", async () => {
    const request = sampleRequest("whole", { tasks: [0, 1] });
    const [first, last] = await submitTo(store, request);
    expect(await store.submissionOf(last!.id)).toEqual(request.submission);
    expect(await store.submissionOf(invocationId(99))).toBeNull();
    const { environment: _, ...described } = request.submission;
    const ofOwner = (uid: number | null) =>
      store.describeSubmissions([first!.id, invocationId(99)], uid);
    expect(await ofOwner(null)).toEqual([
      { id: first!.id, submission: { ...described, command: expect.anything() } },
    ]);
    expect(await ofOwner(request.owner.uid)).toHaveLength(1);
    expect(await ofOwner(request.owner.uid + 1)).toEqual([]);
  });

  test("rejects only the submission that the database refuses", async () => {
    const bad = sampleRequest("bad");
    const outcomes = await Promise.allSettled([
      submitTo(store, sampleRequest("a")),
      submitTo(store, { ...bad, submission: { ...bad.submission, cores: -1 } }),
      submitTo(store, { ...bad, submission: { ...bad.submission, memoryMb: 1.5 } }),
      submitTo(store, sampleRequest("empty", { tasks: [] })),
      submitTo(store, sampleRequest("b")),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    expect(outcomes[1]).toEqual({
      status: "rejected",
      reason: stored({
        code: "STORE",
        message: expect.stringContaining("refused submit") as never,
      }),
    });
    expect((await store.listInvocations({ limit: 10 })).map(({ id }) => id)).toEqual([1, 2]);
  });
});

describe("attempts", () => {
  test("begin once, in order, and only on a pending invocation", async () => {
    const id = await submitOne("a");
    await expect(store.beginAttempt(sampleAttempt(id, 2))).rejects.toEqual(
      stored({ code: "STORE" }),
    );
    await store.beginAttempt(sampleAttempt(id));
    await expect(store.beginAttempt(sampleAttempt(id))).rejects.toEqual(stored({ code: "STORE" }));
    await expect(store.beginAttempt(sampleAttempt(id, 2))).rejects.toEqual(
      stored({ code: "STORE" }),
    );
    await expect(store.beginAttempt(sampleAttempt(invocationId(9)))).rejects.toEqual(
      stored({ message: expect.stringContaining("no invocation 9") as never }),
    );
    const [invocation] = await store.listInvocations({ limit: 1 });
    expect(invocation).toMatchObject({
      state: "RUNNING",
      attempt: 1,
      startedAtMs: 2_000,
      node: "n1",
    });
    expect(await store.loadRunningAttempts()).toEqual([sampleAttempt(id)]);
  });

  test("end once; a stale or unknown end changes nothing", async () => {
    const id = await submitOne("a");
    expect(await store.endAttempt(sampleResult(id))).toBe(false);
    await store.beginAttempt(sampleAttempt(id));
    expect(await store.endAttempt(sampleResult(id, 2))).toBe(false);
    expect(await store.endAttempt(sampleResult(id, 1, "EVICTED"))).toBe(true);
    await store.beginAttempt(sampleAttempt(id, 2));
    expect(await store.endAttempt(sampleResult(id, 1))).toBe(false);
    expect(await store.endAttempt(sampleResult(id, 2))).toBe(true);
    expect(await store.endAttempt(sampleResult(id, 2, "FAILED"))).toBe(false);
    expect(await store.endAttempt(sampleResult(invocationId(9)))).toBe(false);
    const [invocation] = await store.listInvocations({ limit: 1 });
    expect(invocation).toMatchObject({
      state: "COMPLETED",
      attempt: 2,
      exitCode: 0,
      endedAtMs: 4_000,
    });
    expect((await store.listAttempts(id)).map(({ state, wallMs }) => [state, wallMs])).toEqual([
      ["EVICTED", 1_500],
      ["COMPLETED", 1_500],
    ]);
    expect(await store.loadRunningAttempts()).toEqual([]);
    expect(await store.verifyLedger()).toMatchObject({ balanced: true, attempts: 1, postings: 1 });
  });

  test("leave their invocation pending as before if evicted", async () => {
    const id = await submitOne("a");
    await store.beginAttempt(sampleAttempt(id));
    await store.endAttempt(sampleResult(id, 1, "EVICTED"));
    const [invocation] = await store.listInvocations({ limit: 1 });
    expect(invocation).toMatchObject({
      state: "PENDING",
      attempt: 1,
      startedAtMs: null,
      endedAtMs: null,
      node: null,
      reason: "the attempt was EVICTED",
    });
  });

  test("with an impossible end are refused without effect", async () => {
    const id = await submitOne("a");
    await store.beginAttempt(sampleAttempt(id));
    const good = sampleResult(id);
    for (const bad of [
      { ...good, next: "RUNNING" as const },
      { ...good, postings: [] },
      { ...sampleResult(id, 1, "EVICTED"), postings: good.postings },
      { ...good, postings: [{ ...good.postings[0]!, attempt: 2 }] },
      { ...good, postings: [{ ...good.postings[0]!, amountMicroCredits: -1 }] },
    ])
      await expect(store.endAttempt(bad)).rejects.toEqual(stored({ code: "STORE" }));
    expect(await store.loadRunningAttempts()).toHaveLength(1);
    expect(await store.verifyLedger()).toMatchObject({ balanced: true, postings: 0 });
    expect(await store.endAttempt(good)).toBe(true);
  });

  test("are needed to end an invocation unless it is pending", async () => {
    const [waiting, running] = [await submitOne("a"), await submitOne("b")];
    await store.beginAttempt(sampleAttempt(running));
    expect(await endPending([waiting, running], "CANCELLED", "cancelled by ada", 5_000)).toBe(1);
    expect(await endPending([waiting], "FAILED", "again", 6_000)).toBe(0);
    expect(await endPending([running], "CANCELLED", "no", 5_000)).toBe(0);
    expect(await endPending([invocationId(9)], "CANCELLED", "no", 5_000)).toBe(0);
    expect(await store.listInvocations({ limit: 2 })).toMatchObject([
      { state: "CANCELLED", reason: "cancelled by ada", endedAtMs: 5_000 },
      { state: "RUNNING" },
    ]);
  });
});

describe("reading", () => {
  test("filters in the order of ids", async () => {
    await submitTo(store, sampleRequest("a")); // 1, ends at 4,000
    await submitTo(store, sampleRequest("b", { tasks: [5, 6, 7] })); // 2 3 4
    await submitTo(store, sampleRequest("c", { user: "bob", uid: 1_001 })); // 5, runs
    const [first, last] = [invocationId(1), invocationId(5)];
    await store.beginAttempt(sampleAttempt(first));
    await store.endAttempt(sampleResult(first));
    await store.beginAttempt(sampleAttempt(last));
    const ids = async (filter: object) =>
      (await store.listInvocations({ limit: 10, ...filter })).map(({ id }) => id);
    expect(await ids({})).toEqual([1, 2, 3, 4, 5]);
    expect(await ids({ limit: 2 })).toEqual([1, 2]);
    expect(await ids({ uid: 1_001 })).toEqual([5]);
    expect(await ids({ ids: [5, 1, 77] })).toEqual([1, 5]);
    expect(await ids({ ids: [] })).toEqual([]);
    expect(await ids({ arrayJobId: 2 })).toEqual([2, 3, 4]);
    expect(await ids({ arrayJobId: 2, arrayTaskId: 6 })).toEqual([3]);
    expect(await ids({ arrayJobId: 1 })).toEqual([]);
    expect(await ids({ arrayJobId: 3 })).toEqual([]);
    expect(await ids({ states: ["RUNNING", "COMPLETED"] })).toEqual([1, 5]);
    expect(await ids({ states: ["PENDING"], user: "ada" })).toEqual([2, 3, 4]);
    expect(await ids({ sinceMs: 4_001 })).toEqual([2, 3, 4, 5]);
    expect(await ids({ sinceMs: 4_000 })).toEqual([1, 2, 3, 4, 5]);
    const scanned = async (filter: object, afterId = 0) =>
      (await store.scanInvocations(filter, afterId)).found.map(({ id }) => id);
    expect(await scanned({})).toEqual([1, 2, 3, 4, 5]);
    expect(await scanned({}, 3)).toEqual([4, 5]);
    expect(await scanned({ uid: 1_001 })).toEqual([5]);
    expect(await scanned({ uid: 1_000 }, 2)).toEqual([3, 4]);
    expect(await scanned({ arrayJobId: 2 }, 2)).toEqual([3, 4]);
    expect(await scanned({ arrayJobId: 1 })).toEqual([]);
    expect(await scanned({ states: ["PENDING"], uid: 1_000 })).toEqual([2, 3, 4]);
    expect(await scanned({ sinceMs: 4_001 })).toEqual([2, 3, 4, 5]);
    expect(await scanned({ sinceMs: 4_000 })).toEqual([1, 2, 3, 4, 5]);
  });

  test("returns a long list in pieces, whatever they hold", async () => {
    const tasks = Array.from({ length: 6_000 }, (_, task) => task);
    await submitTo(store, sampleRequest("a", { tasks }));
    await submitTo(store, sampleRequest("b", { user: "bob", uid: 1_001 }));
    for (const filter of [{}, { user: "ada" }, { arrayJobId: invocationId(1) }, { user: "bob" }]) {
      const ids: number[] = [];
      let pieces = 0;
      for (let after: number | null = 0; after !== null; pieces++) {
        const { found, scannedTo } = await store.scanInvocations(filter, after);
        expect(found.length).toBeLessThanOrEqual(500);
        ids.push(...found.map(({ id }) => id));
        after = scannedTo;
      }
      const listed = await store.listInvocations({ ...filter, limit: 10_000 });
      expect(ids).toEqual(listed.map(({ id }) => id));
      expect(pieces).toBeGreaterThanOrEqual(Math.ceil(ids.length / 500));
    }
  });

  test("loads live invocations, where the tasks of an array share one digest", async () => {
    const array = sampleRequest("a", { tasks: [2, 1] });
    await submitTo(store, array);
    const done = await submitOne("b");
    await submitTo(store, sampleRequest("c"));
    await endPending([done], "CANCELLED", "cancelled", 5_000);
    await store.close();
    store = await folder.open(file);
    const live = await store.loadLive(0, 9);
    expect(live.map(({ invocation, run }) => [invocation.id, run?.count])).toEqual([
      [1, undefined],
      [2, undefined],
      [4, undefined],
    ]);
    expect(live[0]!.digest).toEqual(digestOf(1_000, array.submission));
    expect(live[1]!.digest).toBe(live[0]!.digest);
    expect((await store.loadLive(2, 9)).map(({ invocation }) => invocation.id)).toEqual([4]);
    expect((await store.loadLive(0, 2)).map(({ invocation }) => invocation.id)).toEqual([1, 2]);
    const { command } = (await store.submissionToRun(invocationId(4)))!;
    expect(command).toEqual({ kind: "argv", argv: ["/bin/true", "c"] });
  });

  test("returns live executors and drained nodes", async () => {
    const row = {
      id: executorId("e1"),
      node: nodeName("n1"),
      address: "10.0.0.1",
      placement: "direct",
      state: "live",
      startedAtMs: 1,
      goneAtMs: null,
      goneReason: null,
    } as const;
    await store.saveExecutor(row);
    await store.saveExecutor({ ...row, id: executorId("e2"), node: nodeName("n2") });
    await store.saveExecutor({ ...row, state: "gone", goneAtMs: 5, goneReason: "drained" });
    expect(await store.loadExecutors()).toEqual([{ ...row, id: "e2", node: "n2" }]);
    // The end of e2 never came to be written: the next one on its node says it.
    await store.saveExecutor({ ...row, id: executorId("e3"), node: nodeName("n2") });
    expect(await store.loadExecutors()).toEqual([{ ...row, id: "e3", node: "n2" }]);
    await store.setDrained(nodeName("n2"), { by: "ada", now: true }, 1);
    await store.setDrained(nodeName("n1"), { by: "ada", now: false }, 1);
    await store.setDrained(nodeName("n1"), { by: "bob", now: true }, 2);
    await store.setDrained(nodeName("n2"), null, 3);
    await store.setDrained(nodeName("n3"), { by: "ada", now: false }, 4);
    expect(await store.loadDrained()).toEqual([
      { node: "n1", by: "bob", now: true },
      { node: "n3", by: "ada", now: false },
    ]);
  });
});

test("the database file and its directory are private to the owner", () => {
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(`${file}-wal`).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
});

test("a call after close is refused with a sentence", async () => {
  await store.close();
  await expect(store.loadLive(0, 9)).rejects.toEqual(
    stored({ code: "STORE", message: expect.stringContaining("was closed") as never }),
  );
});
