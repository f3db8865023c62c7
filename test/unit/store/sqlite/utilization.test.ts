// What the store keeps for the utilization report: written again and again, read by window.

import { expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import { executorId, jobId, nodeName } from "../../../../src/model/ids.js";
import type { JobRecord } from "../../../../src/model/records/utilization.js";
import {
  sampleAttempt,
  sampleRequest,
  sampleResult,
  submitTo,
} from "../../../support/store/samples.js";
import { storeForEachTest } from "../../../support/store/store.js";

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

const n1 = nodeName("n1");
const everything = () => store.loadUtilization(0, 1_000_000);

const job: JobRecord = {
  id: jobId(7),
  displayId: "7",
  name: "mpi",
  user: "bob",
  partition: "batch",
  state: "RUNNING",
  nodes: [n1, nodeName("n2")],
  cores: 32,
  submittedAtMs: 1_000,
  startedAtMs: 2_000,
  endedAtMs: null,
};

test("a job's record gets its end and keeps it, whatever older reads show", async () => {
  await store.saveJobRecords([job]);
  expect((await everything()).jobs).toEqual([job]);
  const ended = { ...job, state: "COMPLETED", endedAtMs: 9_000 };
  await store.saveJobRecords([ended]);
  await store.saveJobRecords([job]);
  expect((await everything()).jobs).toEqual([ended]);
  const requeued = { ...job, startedAtMs: 20_000 };
  await store.saveJobRecords([requeued, { ...requeued, cores: 16 }]);
  expect((await everything()).jobs).toEqual([ended, { ...requeued, cores: 16 }]);
});

test("jobs that Slurm forgot are ended; known and ended ones are unchanged", async () => {
  const at = (id: number, startedAtMs: number, endedAtMs: number | null) => ({
    ...job,
    id: jobId(id),
    startedAtMs,
    endedAtMs,
  });
  await store.saveJobRecords([
    at(1, 100, null),
    at(2, 200, null),
    at(3, 300, 400),
    at(4, 700, null),
  ]);
  await store.closeVanishedJobs([jobId(2)], 500);
  const ends = async () => (await everything()).jobs.map(({ id, endedAtMs }) => [id, endedAtMs]);
  expect(await ends()).toEqual([
    [1, 500],
    [2, null],
    [3, 400],
    [4, 700],
  ]);
  await store.closeVanishedJobs([], 900);
  expect(await ends()).toContainEqual([2, 900]);
});

test("a later start of a job ends its earlier run, whose requeue nobody saw", async () => {
  await store.saveJobRecords([job]);
  const again = { ...job, startedAtMs: 20_000 };
  await store.saveJobRecords([again]);
  expect((await everything()).jobs).toEqual([{ ...job, endedAtMs: 20_000 }, again]);
});

test("holdings and spans of nodes only grow", async () => {
  const holding = { executor: executorId("e1"), node: n1, cores: 4, fromMs: 100, toMs: 200 };
  await store.saveHolding(holding);
  await store.saveHolding({ ...holding, toMs: 300 });
  await store.saveHolding({ ...holding, toMs: 250 });
  await store.saveHolding({ ...holding, fromMs: 300, toMs: 400, cores: 8 });
  const span = { node: n1, cores: 16, fromMs: 0, toMs: 100 };
  await store.saveNodeSpans([span, { ...span, toMs: 500 }]);
  await store.saveNodeSpans([{ ...span, toMs: 400 }]);
  const found = await everything();
  expect(found.holdings.map(({ fromMs, toMs, cores }) => [fromMs, toMs, cores])).toEqual([
    [100, 300, 4],
    [300, 400, 8],
  ]);
  expect(found.nodeSpans).toEqual([{ ...span, toMs: 500 }]);
});

test("hook events and evictions are kept once", async () => {
  const begin = { node: n1, jobId: jobId(7), kind: "begin", atMs: 2_100, cores: 16 } as const;
  await store.saveHookEvent(begin);
  await store.saveHookEvent(begin);
  const requeued = { ...begin, atMs: 9_200 };
  await store.saveHookEvent(requeued);
  const eviction = {
    node: n1,
    jobId: jobId(7),
    atMs: 2_100,
    tookMs: 12,
    attempts: 3,
    lostCoreMs: 99,
    left: 0,
  };
  await store.saveEviction(eviction);
  await store.saveEviction(eviction);
  const found = await everything();
  expect(found.hookEvents).toEqual([begin, requeued]);
  expect(found.evictions).toEqual([eviction]);
});

test("a window includes all records that overlap it", async () => {
  const at = (id: number, startedAtMs: number, endedAtMs: number | null) => ({
    ...job,
    id: jobId(id),
    startedAtMs,
    endedAtMs,
  });
  await store.saveJobRecords([at(1, 10, 100), at(2, 50, 150), at(3, 20, null), at(4, 200, null)]);
  const hook = (id: number, kind: "begin" | "end", atMs: number) =>
    store.saveHookEvent({ node: n1, jobId: jobId(id), kind, atMs, cores: null });
  await hook(1, "begin", 10);
  await hook(1, "end", 99);
  await hook(2, "begin", 50);
  await hook(2, "end", 150);
  await hook(4, "begin", 200);
  // Requeued: its first run ended before the window, its second one reaches into it.
  for (const [kind, atMs] of [
    ["begin", 20],
    ["end", 60],
    ["begin", 80],
  ] as const)
    await hook(5, kind, atMs);
  await store.saveNodeSpans([
    { node: n1, cores: 1, fromMs: 0, toMs: 100 },
    { node: n1, cores: 2, fromMs: 100, toMs: 101 },
    { node: n1, cores: 3, fromMs: 200, toMs: 300 },
  ]);
  const found = await store.loadUtilization(100, 200);
  expect(found).toMatchObject({ fromMs: 100, toMs: 200 });
  expect(found.jobs.map(({ id }) => id)).toEqual([3, 2]);
  expect(found.hookEvents.map(({ jobId, kind }) => [jobId, kind])).toEqual([
    [2, "begin"],
    [5, "begin"],
    [2, "end"],
  ]);
  expect(found.hookEvents[1]).toMatchObject({ atMs: 80 });
  expect(found.nodeSpans.map(({ cores }) => cores)).toEqual([2]);
});

test("useful time is that of posted attempts, as measured by the node", async () => {
  const tasks = await submitTo(store, sampleRequest("a", { tasks: [1, 2, 3] }));
  for (const { id } of tasks) await store.beginAttempt(sampleAttempt(id));
  await store.endAttempt(sampleResult(tasks[0]!.id, 1, "COMPLETED"));
  await store.endAttempt(sampleResult(tasks[1]!.id, 1, "EVICTED"));
  const span = { node: "n1", cores: 2, fromMs: 2_500, toMs: 4_000 };
  const useful = [{ invocation: 1, ...span, worker: null }];
  expect((await everything()).useful).toEqual(useful);
  expect((await store.loadUtilization(3_999, 9_000)).useful).toEqual(useful);
  expect((await store.loadUtilization(4_000, 9_000)).useful).toEqual([]);
  expect((await store.loadUtilization(0, 2_500)).useful).toEqual([]);
});

test("useful time in a shared worker has its name, and its share is what is posted", async () => {
  const [first, second] = await submitTo(store, sampleRequest("a", { tasks: [1, 2] }));
  await store.beginAttempt(sampleAttempt(first!.id));
  await store.beginAttempt({ ...sampleAttempt(second!.id), sharesWith: first!.id });
  for (const { id } of [first!, second!])
    await store.endAttempt(sampleResult(id, 1, "COMPLETED", { shareMs: 750 }));
  const workers = (await everything()).useful.map(({ worker }) => worker);
  expect(workers).toEqual([`e1/${first!.id}`, `e1/${first!.id}`]);
  const [attempt] = await store.listAttempts(second!.id);
  expect(attempt).toMatchObject({ sharesWith: first!.id, shareMs: 750, wallMs: 1_500 });
  expect(await store.verifyLedger()).toMatchObject({ balanced: true, postings: 2 });
});
