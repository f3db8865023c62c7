// What the store returns for the idle report: conditions that last until the next one, work without
// a result, times of waiting.

import { expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import { nodeName } from "../../../../src/model/ids.js";
import type { WaitSpan } from "../../../../src/model/records/idle.js";
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
const n2 = nodeName("n2");
const inOrder = (waits: readonly WaitSpan[]) =>
  waits.map(({ fromMs, toMs }) => [fromMs, toMs]).sort((one, other) => one[0]! - other[0]!);

test("a condition lasts until the node's next one; the first in a window may come from before it", async () => {
  await store.saveNodeSpans([n1, n2].map((node) => ({ node, cores: 4, fromMs: 0, toMs: 900 })));
  await store.saveConditions([
    { node: n1, condition: "full", fromMs: 10 },
    { node: n1, condition: "starting", fromMs: 200 },
    { node: n2, condition: "ready", fromMs: 20 },
    { node: n1, condition: "ready", fromMs: 300 },
    { node: n1, condition: "ready", fromMs: 950 },
  ]);
  await store.saveConditions([{ node: n2, condition: null, fromMs: 400 }]);
  await store.saveConditions([{ node: n1, condition: "memory", fromMs: 300 }]);
  const { conditions } = await store.loadUtilization(250, 900);
  expect(conditions).toEqual([
    { node: n1, condition: "starting", fromMs: 200, toMs: 300 },
    { node: n1, condition: "memory", fromMs: 300, toMs: 900 },
    { node: n2, condition: "ready", fromMs: 20, toMs: 400 },
  ]);
});

test("the idle record includes evicted, lost and running work, and when work waited", async () => {
  const submit = async (name: string, submittedAtMs: number) =>
    (await submitTo(store, sampleRequest(name, { submittedAtMs })))[0]!.id;
  const evicted = await submit("evicted", 1_000);
  await store.beginAttempt(sampleAttempt(evicted, 1, 2_000));
  await store.endAttempt(sampleResult(evicted, 1, "EVICTED", { wallMs: 1_500, endedAtMs: 4_000 }));
  await store.beginAttempt(sampleAttempt(evicted, 2, 5_000));
  await store.endAttempt(sampleResult(evicted, 2, "LOST", { wallMs: 0, endedAtMs: 6_000 }));
  await store.beginAttempt(sampleAttempt(evicted, 3, 6_500));
  const done = await submit("done", 7_000);
  await store.beginAttempt(sampleAttempt(done, 1, 7_100));
  await store.endAttempt(sampleResult(done, 1, "COMPLETED", { wallMs: 300, endedAtMs: 7_500 }));
  const cancelled = await submit("cancelled", 7_600);
  await store.endPending([[cancelled, cancelled]], "CANCELLED", "", 7_700);
  await submit("waits", 9_000);

  const whole = await store.loadUtilization(0, 10_000);
  const node = { node: n1, cores: 2 };
  const worker = `e1/${evicted}`;
  expect(whole.unfinished).toEqual([
    { ...node, fromMs: 2_500, toMs: 4_000, end: "evicted", worker: null },
    { ...node, fromMs: 5_000, toMs: 6_000, end: "lost", worker },
    { ...node, fromMs: 6_500, toMs: 10_000, end: "running", worker },
  ]);
  expect(inOrder(whole.waits)).toEqual([
    [1_000, 2_500],
    [4_000, 5_000],
    [6_000, 6_500],
    [7_000, 7_200],
    [7_600, 7_700],
    [9_000, 10_000],
  ]);
  const later = await store.loadUtilization(7_650, 9_500);
  expect(later.unfinished.map(({ end }) => end)).toEqual(["running"]);
  expect(inOrder(later.waits)).toEqual([
    [7_650, 7_700],
    [9_000, 9_500],
  ]);
});

test("times of waiting that overlap are one", async () => {
  for (const [name, submittedAtMs, cancelledAtMs] of [
    ["first", 1_000, 3_000],
    ["within", 1_500, 2_000],
    ["beyond", 2_500, 4_000],
    ["next", 4_000, 5_000],
    ["apart", 6_000, 7_000],
  ] as const) {
    const { id } = (await submitTo(store, sampleRequest(name, { submittedAtMs })))[0]!;
    await store.endPending([[id, id]], "CANCELLED", "", cancelledAtMs);
  }
  const { waits } = await store.loadUtilization(0, 10_000);
  expect(waits).toEqual([
    { fromMs: 1_000, toMs: 5_000 },
    { fromMs: 6_000, toMs: 7_000 },
  ]);
});
