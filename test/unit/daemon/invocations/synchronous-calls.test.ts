// A call whose client waits is answered before it is on record; nothing of it is lost, billed twice
// or hidden meanwhile.

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import type { CallRoutes } from "../../../../src/daemon/api/calls/accepting.js";
import { ArrivedInput } from "../../../../src/daemon/api/calls/arrived-input.js";
import { type AskedCall, answerOne } from "../../../../src/daemon/api/calls/synchronous.js";
import { cancel } from "../../../../src/daemon/api/cancel.js";
import { CallIds, recordingFirst } from "../../../../src/daemon/invocations/call-records.js";
import type { InlinePayload } from "../../../../src/model/call.js";
import { unsetSettings } from "../../../../src/model/functions/settings.js";
import { blobHash, versionId } from "../../../../src/model/ids.js";
import type { AttemptOrder, AttemptReport } from "../../../../src/wire/messages.js";
import { settings } from "../../../support/bundle/bundles.js";
import { HostileSite, type ScriptedExecutor, turn } from "../../../support/daemon/hostile-site.js";
import { shiftedClock } from "../../../support/daemon/shifted-clock.js";
import { storeForEachTest } from "../../../support/store/store.js";

const caller = { uid: 1_097, gid: 1_000, user: "ann", operator: false };
const budget = { cores: 2, memoryMb: 2_000, gpus: [] };
const payload = { contentType: "text/plain", body: Buffer.from("done") };
const completed: Partial<AttemptReport> = {
  answer: { kind: "result", payload },
  wallMs: 4,
};

let store: Store;
let site: HostileSite;
let executor: ScriptedExecutor;
let gone: AbortController;
/** What waits to be recorded, while the disk stands still. */
let held: (() => void)[] | null;

storeForEachTest((opened) => {
  held = null;
  const recordCall: Store["recordCall"] = async (call) => {
    const waiting = held;
    if (waiting !== null) await new Promise<void>((resolve) => waiting.push(resolve));
    return opened.recordCall(call);
  };
  store = { ...opened, recordCall };
});
beforeEach(async () => {
  gone = new AbortController();
  site = new HostileSite(store);
  await site.start();
  executor = await site.executorOn("n1", budget.cores);
  executor.ready(budget);
  await executor.isHeard();
});
afterEach(async () => {
  gone.abort();
  goOn();
  await site.end();
});

function goOn(): void {
  const waiting = held ?? [];
  held = null;
  for (const each of waiting) each();
}

const deps = () =>
  ({
    ...site.parts,
    store: recordingFirst(store, site.parts.live.unrecorded),
    callIds: new CallIds(store),
    access: { require: async () => {} },
    reserve: { require: async () => {} },
    largestNode: () => null,
    accounts: { byName: async () => null },
    admission: {
      ...{ defaultMemoryPerCoreMb: 100, defaultTimeLimitMs: 60_000, maxTimeLimitMs: 60_000 },
      ...{ maxArrayTasks: 10, maxPending: 100, maxDocumentsMb: 10, maxScriptBytes: 1_000 },
      ...{ maxEnvironmentBytes: 1_000, allowRootFunctions: false },
    },
    directory: {
      resolve: async () => ({
        ...{ key: 1, version: versionId("0".repeat(64)), runtime: "node", bytes: 100 },
        ...{ deployedAtMs: 1, name: "tile", owner: { uid: caller.uid, user: caller.user } },
        settings: {
          ...{ ...unsetSettings, ...settings, cores: 1, memoryMb: 100, gpus: 0 },
          timeLimitMs: 60_000,
        },
      }),
    },
  }) as unknown as CallRoutes;

const requestOf = (change: Partial<AskedCall> = {}): AskedCall => ({
  requestId: randomUUID() as string,
  function: "tile",
  input: { contentType: "text/plain", body: Buffer.from("in") },
  timeLimitMs: null,
  waitMs: 60_000,
  fresh: true,
  ...change,
});
const call = (request = requestOf()) => answerOne(deps(), caller, request, gone.signal);
const ends = (order: AttemptOrder | undefined, change = completed, voucher?: Uint8Array) =>
  executor.endsInTime(order!, change, voucher);
const hashOf = (bytes: Uint8Array) => blobHash(createHash("sha256").update(bytes).digest("hex"));
const isAcknowledged = () =>
  executor.heard.some((each) => each.type === "recorded" && each.key.invocation < 4_000_000_000);
/** Ends are recorded together with others, a moment later. */
async function recorded(): Promise<void> {
  while (site.parts.live.unrecorded.size > 0) await turn();
  await site.settled();
}
const billed = async () => (await store.bill({})).reduce((sum, line) => sum + line.coreMs, 0);

test("it is answered while the disk stands still, and acknowledged once it is on record", async () => {
  held = [];
  const answered = call();
  const [order] = await executor.ordered(1);
  await ends(order);
  const { id, invocation, answer } = await answered;
  expect(invocation).toMatchObject({ state: "COMPLETED", attempt: 1, node: "n1", wallMs: 4 });
  expect(answer).toEqual({ kind: "result", payload });
  // A repeated report is not acknowledged either.
  await ends(order);
  await executor.isHeard();
  expect(isAcknowledged()).toBe(false);
  expect(await billed()).toBe(0);
  goOn();
  await executor.until(isAcknowledged);
  expect(await site.recordOf(order!.invocation)).toEqual(invocation);
  expect(await store.inputOf(order!.invocation)).toMatchObject({ contentType: "text/plain" });
  expect(await store.answerOf(order!.invocation)).toMatchObject({ kind: "result" });
  expect(await store.listAttempts(order!.invocation)).toHaveLength(1);
  expect(await billed()).toBe(4);
  expect(id).toBe(order!.invocation);
  expect(site.parts.live.unrecorded.size).toBe(0);
});

/** Lets writes of contents wait until the returned function is called. */
function holdContents(): () => void {
  const { blobFiles } = site;
  const receive = blobFiles.receive.bind(blobFiles);
  let go = () => {};
  const going = new Promise<void>((resolve) => {
    go = resolve;
  });
  blobFiles.receive = async (...given) => {
    await going;
    return receive(...given);
  };
  return go;
}

/** Answers what gleanerd asks of a large result. */
async function sendsResult(result: Buffer): Promise<void> {
  const asked = () => executor.heard.filter((each) => each.type === "fetchPiece");
  await executor.until(() => asked().length > 0);
  const { key, offset, wantedBytes } = asked().at(-1)!;
  const bytes = result.subarray(offset, offset + wantedBytes);
  executor.say({ type: "piece", key, offset, bytes });
}

test("a large input and result are in memory until its record, which names them on disk", async () => {
  const [input, result] = [randomBytes(100_000), randomBytes(200_000)];
  const contentsGoOn = holdContents();
  const giveBack = site.parts.carriedMemory.take(caller.uid, input.length)!;
  const arrived = new ArrivedInput(caller.uid, "a/b", input, giveBack);
  const answered = call(requestOf({ input: arrived }));
  const [order] = await executor.ordered(1);
  const id = order!.invocation;
  const { body } = (order!.command as { input: InlinePayload }).input;
  expect(Buffer.from(body).equals(input)).toBe(true);
  const stored = { contentType: "c/d", blob: hashOf(result), bytes: result.length };
  await ends(order, { ...completed, answer: { kind: "result", payload: stored } });
  await sendsResult(result);
  const { answer, content } = await answered;
  expect(answer).toEqual({ kind: "result", payload: stored });
  expect(result.equals(content!.body!)).toBe(true);
  await executor.isHeard();
  expect([isAcknowledged(), site.blobFiles.kept.size]).toEqual([false, 0]);
  contentsGoOn();
  await executor.until(isAcknowledged);
  expect([...site.blobFiles.kept.keys()].sort()).toEqual([hashOf(input), hashOf(result)].sort());
  expect(await store.inputOf(id)).toMatchObject({ blob: hashOf(input), bytes: input.length });
  expect(await store.answerOf(id)).toEqual({ kind: "result", payload: stored });
  expect(content!.body).toBeNull();
  expect(site.parts.carriedMemory.take(caller.uid, 32 * 1024 * 1024)).not.toBeNull();
});

test("a large result of a call on record is on disk before its end", async () => {
  const result = randomBytes(200_000);
  const answered = call();
  const [order] = await executor.ordered(1);
  const contentsGoOn = holdContents();
  const stored = { contentType: "c/d", blob: hashOf(result), bytes: result.length };
  await ends(order, { ...completed, answer: { kind: "result", payload: stored } });
  await executor.until(() => executor.heard.some(({ type }) => type === "fetchPiece"));
  await deps().store.listInvocations({ ids: [order!.invocation], limit: 1 });
  await sendsResult(result);
  await executor.isHeard();
  expect(isAcknowledged()).toBe(false);
  contentsGoOn();
  await executor.until(isAcknowledged);
  expect((await answered).answer).toEqual({ kind: "result", payload: stored });
  expect(await billed()).toBe(4);
});

test("an input of a request that was sent before is on disk before the call is accepted", async () => {
  const input = randomBytes(100_000);
  const contentsGoOn = holdContents();
  const arrived = new ArrivedInput(caller.uid, "a/b", input, () => {});
  const accepted = call(requestOf({ input: arrived, fresh: false, waitMs: 0 }));
  const isAccepted = accepted.then(() => true);
  // A call without such an input is accepted and ordered meanwhile.
  await call(requestOf({ fresh: false, waitMs: 0 }));
  await executor.ordered(1);
  expect(await Promise.race([isAccepted, turn().then(() => false)])).toBe(false);
  contentsGoOn();
  const { id } = await accepted;
  expect(await store.inputOf(id)).toMatchObject({ blob: hashOf(input) });
  await executor.ordered(2);
});

test("who reads about it sees it on record, while it runs and after its answer", async () => {
  const answered = call();
  const [order] = await executor.ordered(1);
  const reader = deps().store;
  const of = { ids: [order!.invocation], limit: 1 };
  const seen = await reader.listInvocations(of);
  expect(seen).toMatchObject([{ state: "RUNNING", attempt: 1, node: "n1" }]);
  expect(await store.listAttempts(order!.invocation)).toMatchObject([{ state: "RUNNING" }]);
  await ends(order);
  expect(await answered).toMatchObject({ answer: { kind: "result" } });
  const second = call();
  const [, next] = await executor.ordered(2);
  await ends(next);
  await second;
  expect((await reader.bill({})).map(({ coreMs }) => coreMs)).toEqual([8]);
  const { found } = await reader.scanInvocations({ uid: caller.uid }, 0);
  expect(found.map(({ state }) => state)).toEqual(["COMPLETED", "COMPLETED"]);
});

test("its client does not notice that it was evicted and ran again; one run is billed", async () => {
  const answered = call();
  const [order] = await executor.ordered(1);
  await ends(order!, { end: "EVICTED", exitCode: null, wallMs: 3, reason: "a job came" });
  const [, again] = await executor.ordered(2);
  expect(again).toMatchObject({ invocation: order!.invocation, attempt: 2 });
  await ends(again);
  expect(await answered).toMatchObject({ invocation: { state: "COMPLETED", attempt: 2 } });
  await recorded();
  const attempts = await store.listAttempts(order!.invocation);
  expect(attempts.map(({ state }) => state)).toEqual(["EVICTED", "COMPLETED"]);
  expect(await billed()).toBe(4);
});

test("once its client is gone it is durable, and the request sent again leads to it", async () => {
  const request = requestOf();
  const answered = call(request);
  const [order] = await executor.ordered(1);
  gone.abort();
  expect(await answered).toMatchObject({ id: order!.invocation, answer: null });
  expect(await site.recordOf(order!.invocation)).toMatchObject({ state: "RUNNING" });
  gone = new AbortController();
  const again = call({ ...request, fresh: false });
  await turn();
  await ends(order);
  expect(await again).toMatchObject({ id: order!.invocation, answer: { kind: "result" } });
  expect(executor.orders).toHaveLength(1);
});

test("a request that is sent again while the call runs waits for the same call", async () => {
  const request = requestOf();
  const both = [call(request), call(request)];
  const [order] = await executor.ordered(1);
  await ends(order);
  const ids = (await Promise.all(both)).map(({ id }) => id);
  expect(ids).toEqual([order!.invocation, order!.invocation]);
  expect(executor.orders).toHaveLength(1);
});

test("a request id that was used before gives no unbilled call", async () => {
  const request = requestOf();
  for (const count of [1, 2]) {
    const answered = call(request);
    const order = (await executor.ordered(count))[count - 1]!;
    await ends(order);
    await answered;
    await recorded();
  }
  expect(await billed()).toBe(8);
});

test("it can be cancelled by a filter while it waits", async () => {
  const first = [call(), call()];
  const waits = call();
  const orders = await executor.ordered(2);
  await cancel(deps(), caller, { ids: [], state: "PENDING" });
  expect(await waits).toMatchObject({ invocation: { state: "CANCELLED" } });
  for (const order of orders) await ends(order);
  await Promise.all(first);
});

/** The daemon is killed, and the next one has the executor's reports. */
async function restarted(order: AttemptOrder) {
  await site.stop();
  await site.start();
  executor = await site.connect(executor.spec);
  const { invocation, attempt } = order;
  site.parts.registry.get(executor.spec.executor)!.order(budget);
  executor.ready(budget, { answersFor: [{ invocation, attempt }] });
}

test("an answer that gleanerd gave and did not record before a kill is billed once by the next", async () => {
  held = [];
  const answered = call();
  const [order] = await executor.ordered(1);
  await ends(order);
  await answered;
  // The write that was in progress never happens.
  held = null;
  await restarted(order!);
  const { voucher } = order!;
  for (const _ of [1, 2]) await ends(order, completed, voucher);
  await executor.until(isAcknowledged);
  await recorded();
  expect(await site.recordOf(order!.invocation)).toMatchObject({
    ...{ state: "COMPLETED", wallMs: 4, name: "tile", owner: { user: "ann" } },
  });
  expect(await store.answerOf(order!.invocation)).toMatchObject({ kind: "result" });
  expect(await billed()).toBe(4);
});

test("a call is billed for its time although the wall clock was set back before the next gleanerd", async () => {
  const clock = shiftedClock();
  try {
    void call().catch(() => undefined);
    const [order] = await executor.ordered(1);
    clock.setWall(-3_600_000);
    await restarted(order!);
    await ends(order, completed, order!.voucher);
    await executor.until(isAcknowledged);
    await recorded();
    expect(await billed()).toBe(4);
  } finally {
    clock.restore();
  }
});

test("a call that could not be started before a kill is not put on record as failed", async () => {
  void call().catch(() => undefined);
  const [order] = await executor.ordered(1);
  await restarted(order!);
  const startFailure = { stage: "chdir", errno: 2 } as const;
  await ends(order, { end: "FAILED", wallMs: 0, startFailure }, order!.voucher);
  await executor.until(isAcknowledged);
  await recorded();
  expect(await store.listInvocations({ limit: 10 })).toEqual([]);
});

test("a call that was sent again after a kill is billed once, whichever run ends first", async () => {
  const request = requestOf();
  const first = call(request);
  const [order] = await executor.ordered(1);
  await restarted(order!);
  const again = call({ ...request, fresh: false });
  const [second] = await executor.ordered(1);
  void first.catch(() => undefined);
  expect(second!.invocation).not.toBe(order!.invocation);
  await ends(order!, completed, order!.voucher);
  await ends(second);
  expect(await again).toMatchObject({ id: second!.invocation, answer: { kind: "result" } });
  await recorded();
  expect(await billed()).toBe(4);
});

const interrupted: Partial<AttemptReport> = {
  ...{ end: "FAILED", isInterrupted: true, exitCode: null, reason: "call 7 ended it" },
  wallMs: 3,
};

test.each([
  ["before", 1],
  ["after", 2],
] as const)(
  "a call that is interrupted after a kill is billed once, and runs again if it is sent again %s",
  async (_, sentAgainAt) => {
    const request = requestOf();
    void call(request).catch(() => undefined);
    const [order] = await executor.ordered(1);
    await restarted(order!);
    let again: ReturnType<typeof call> | undefined;
    for (const at of [1, 2]) {
      if (at === sentAgainAt) {
        again = call({ ...request, fresh: false });
        await executor.ordered(1);
      }
      await ends(order!, interrupted, order!.voucher);
      await executor.isHeard();
    }
    const [second] = executor.orders;
    await ends(second);
    expect(await again).toMatchObject({ id: second!.invocation, answer: { kind: "result" } });
    await recorded();
    expect(await site.recordOf(order!.invocation)).toMatchObject({ state: "FAILED", wallMs: 3 });
    expect(await billed()).toBe(7);
  },
);

test("a call that was interrupted before a kill goes on with its next attempt, for the same client", async () => {
  const request = requestOf();
  void call(request).catch(() => undefined);
  const [order] = await executor.ordered(1);
  await ends(order, interrupted);
  const [, second] = await executor.ordered(2);
  expect(second).toMatchObject({ invocation: order!.invocation, attempt: 2 });
  await restarted(second!);
  const again = call({ ...request, fresh: false });
  await ends(second, completed, second!.voucher);
  expect(await again).toMatchObject({ id: order!.invocation, answer: { kind: "result" } });
  await recorded();
  const attempts = await store.listAttempts(order!.invocation);
  expect(attempts.map(({ state }) => state)).toEqual(["FAILED", "COMPLETED"]);
  expect(await billed()).toBe(7);
});

test("a voucher that gleanerd did not write, or wrote for another executor, is worth nothing", async () => {
  void call().catch(() => undefined);
  const [order] = await executor.ordered(1);
  await restarted(order!);
  const forged = Buffer.from(order!.voucher!);
  forged[forged.length - 1]! ^= 1;
  await ends(order!, completed, forged);
  await executor.until(isAcknowledged);
  const other = await site.executorOn("n2", 1);
  other.ready({ ...budget, cores: 1 });
  other.ends(order!, completed, order!.voucher);
  await other.isHeard();
  await recorded();
  expect(await billed()).toBe(0);
});
