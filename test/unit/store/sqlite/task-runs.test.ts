// Arrays of a million tasks in the store: accepted, listed from both ends, begun, cancelled,
// removed and found again after kill -9.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { LiveInvocation, Store } from "../../../../src/core/ports/store.js";
import { type InvocationId, invocationId } from "../../../../src/model/ids.js";
import { sampleAttempt, sampleRequest, sampleResult } from "../../../support/store/samples.js";
import { makeStoreFolder, type StoreFolder } from "../../../support/store/store.js";

const million = 1_000_000;

let folder: StoreFolder;
let store: Store;
let file: string;
beforeAll(async () => {
  folder = await makeStoreFolder({ child: "test/support/store/array-child.ts" });
});
afterAll(() => folder.remove());
beforeEach(async () => {
  file = folder.newFile();
  store = await folder.open(file);
});

const submitArray = async (requestId = "array", count = million) => {
  const request = sampleRequest(requestId);
  const arrayTasks = [{ from: 10, to: 10 + (count - 1) * 2, step: 2 }];
  return store.submit({ ...request, submission: { ...request.submission, arrayTasks } });
};

const shown = ({ invocation, run }: LiveInvocation) => [
  invocation.id,
  invocation.arrayTaskId,
  run?.count ?? null,
];

test("first attempts of tasks begin together, or none of them", async () => {
  await submitArray("array", 100);
  const { invocation: _, ...attempt } = sampleAttempt(invocationId(1));
  const begin = (...ids: number[]) => store.beginTasks(attempt, ids.map(invocationId));
  await begin(1, 5, 6, 7);
  expect((await store.loadLive(0, 10)).map(shown)).toEqual([
    [1, 10, null],
    [2, 12, 3],
    [5, 18, null],
    [6, 20, null],
    [7, 22, null],
    [8, 24, 93],
  ]);
  expect(await store.loadRunningAttempts()).toEqual(
    [1, 5, 6, 7].map((id) => ({ ...attempt, invocation: id })),
  );
  const [begun] = await store.listInvocations({ ids: [invocationId(6)], limit: 1 });
  const { number, node, startedAtMs } = attempt;
  expect(begun).toMatchObject({ state: "RUNNING", attempt: number, node, startedAtMs });
  // One that has begun, and one that does not exist.
  for (const other of [5, 101]) await expect(begin(10, other)).rejects.toThrow(/do not wait/);
  expect(await store.loadRunningAttempts()).toHaveLength(4);
});

describe("an array of a million tasks", () => {
  test("is one entry until a task begins, and its ids are not given again", async () => {
    expect(await submitArray()).toEqual({ id: 1, tasks: million, isNew: true });
    expect(await submitArray()).toEqual({ id: 1, tasks: million, isNew: false });
    expect((await store.submit(sampleRequest("next"))).id).toBe(million + 1);
    expect((await store.loadLive(0, 10)).map(shown)).toEqual([
      [1, 10, million],
      [million + 1, null, null],
    ]);
    await store.beginAttempt(sampleAttempt(invocationId(500)));
    expect((await store.loadLive(0, 10)).map(shown)).toEqual([
      [1, 10, 499],
      [500, 1_008, null],
      [501, 1_010, million - 500],
      [million + 1, null, null],
    ]);
    expect((await store.loadLive(499, 2)).map(shown)).toEqual([
      [500, 1_008, null],
      [501, 1_010, million - 500],
    ]);
    expect(await store.submissionOf(invocationId(777))).toMatchObject({ name: "sum" });
  });

  test("is listed from both ends, with tasks that ran among those that wait", async () => {
    await submitArray();
    await store.submit(sampleRequest("next"));
    for (const id of [3, million - 2]) {
      await store.beginAttempt(sampleAttempt(invocationId(id)));
      await store.endAttempt(sampleResult(invocationId(id)));
    }
    const first = await store.scanInvocations({}, 0);
    expect(first.found.slice(0, 4).map(({ id, state }) => [id, state])).toEqual([
      [1, "PENDING"],
      [2, "PENDING"],
      [3, "COMPLETED"],
      [4, "PENDING"],
    ]);
    const newest = { newestFirst: true, uid: 1_000 };
    const last = await store.scanInvocations(newest, million * 2);
    expect(
      last.found.slice(0, 5).map(({ id, arrayTaskId, state }) => [id, arrayTaskId, state]),
    ).toEqual([
      [million + 1, null, "PENDING"],
      [million, 2_000_008, "PENDING"],
      [million - 1, 2_000_006, "PENDING"],
      [million - 2, 2_000_004, "COMPLETED"],
      [million - 3, 2_000_002, "PENDING"],
    ]);
    const next = await store.scanInvocations(newest, last.scannedTo!);
    expect(next.found[0]!.id).toBe(last.found.at(-1)!.id - 1);
    const [task] = await store.listInvocations({
      arrayJobId: invocationId(1),
      arrayTaskId: 500_010,
      limit: 1,
    });
    expect(task!.id).toBe(250_001);
  });

  test.each([
    ["", [{ from: 10, to: 24_008, step: 2 }]],
    // Pairs of neighbours are 6,000 runs, more than one piece examines.
    [" of irregular numbers", Array.from({ length: 12_000 }, (_, at) => 5 * (at >> 1) + (at & 1))],
  ])("has every task once in a list of pieces, in both directions%s", async (_, arrayTasks) => {
    const { submission, ...request } = sampleRequest("array");
    await store.submit({ ...request, submission: { ...submission, arrayTasks } });
    for (let id = 5; id <= 12_000; id += 1_000)
      await store.beginAttempt(sampleAttempt(invocationId(id)));
    for (const newestFirst of [false, true])
      for (const filter of [{}, { uid: 1_000 }, { arrayJobId: invocationId(1) }]) {
        const ids: number[] = [];
        let after: number | null = newestFirst ? Number.MAX_SAFE_INTEGER : 0;
        while (after !== null) {
          const scan: Awaited<ReturnType<Store["scanInvocations"]>> = await store.scanInvocations(
            { ...filter, newestFirst },
            after,
          );
          ids.push(...scan.found.map(({ id }) => id));
          after = scan.scannedTo;
        }
        const expected = Array.from({ length: 12_000 }, (_, at) => at + 1);
        expect(ids).toEqual(newestFirst ? expected.reverse() : expected);
      }
  });

  test("is cancelled in one go, and removed in parts when it is old", async () => {
    await submitArray();
    await store.beginAttempt(sampleAttempt(invocationId(10)));
    const all = [[invocationId(1), invocationId(million)]] as const;
    const ended = await store.endPending(all, "CANCELLED", "cancelled by ada", 5_000);
    expect(ended).toBe(million - 1);
    expect(await store.endPending(all, "CANCELLED", "again", 6_000)).toBe(0);
    expect((await store.loadLive(0, 10)).map(shown)).toEqual([[10, 28, null]]);
    const [one] = await store.listInvocations({ ids: [invocationId(400_000)], limit: 1 });
    expect(one).toMatchObject({ state: "CANCELLED", reason: "cancelled by ada", endedAtMs: 5_000 });
    await store.endAttempt(sampleResult(invocationId(10)));
    let removed = 0;
    for (let count = -1; count !== 0; removed += count) count = await store.prune(9_000, 300_000);
    expect(removed).toBeGreaterThanOrEqual(million);
    expect(await store.listInvocations({ limit: 10 })).toEqual([]);
    expect(await store.submissionToRun(invocationId(1))).toBeNull();
  });
});

test("after kill -9 every task is there once: ended if that was acknowledged, else live", async () => {
  await store.close();
  const child = spawn(process.execPath, [`${folder.folder}/child.cjs`, file, folder.workerFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = await endedUntil(child, 200);
  store = await folder.open(file);
  const live = new Set<InvocationId>();
  let open = 0;
  for (const { invocation, run } of await store.loadLive(0, 10_000)) {
    open += run?.count ?? 1;
    for (const id of ended)
      if (id >= invocation.id && id < invocation.id + (run?.count ?? 1)) live.add(id);
  }
  expect([...live]).toEqual([]);
  // One more may be durable without having been acknowledged.
  expect(million - open - ended.length).toBeGreaterThanOrEqual(0);
  expect(million - open - ended.length).toBeLessThanOrEqual(1);
  expect(await store.verifyLedger()).toMatchObject({ balanced: true });
});

/** Kills the child once it has acknowledged so many ends; returns all that it did. */
async function endedUntil(child: ChildProcess, count: number): Promise<InvocationId[]> {
  const exited = once(child, "exit");
  const ended: InvocationId[] = [];
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line.startsWith("ended ")) ended.push(invocationId(Number(line.slice(6))));
    if (ended.length === count) child.kill("SIGKILL");
  }
  await exited;
  return ended;
}
