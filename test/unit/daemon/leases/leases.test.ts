// Leases over the API of a real daemon with real records, and executors that are scripts: grants,
// keys, renewals, ends, and what a restart keeps.

import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { nowMs } from "../../../../src/clock.js";
import { parseConfig } from "../../../../src/config.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { apiServer } from "../../../../src/daemon/serve.js";
import { GleanerError } from "../../../../src/model/errors.js";
import { runAsChild } from "../../../../src/processes/run.js";
import type { LeaseView } from "../../../../src/wire/api/types.js";
import type { AttemptOrder } from "../../../../src/wire/messages.js";
import { packed, writeTree } from "../../../support/bundle/bundles.js";
import { HostileSite, type ScriptedExecutor, turn } from "../../../support/daemon/hostile-site.js";
import { makeStoreFolder, type StoreFolder } from "../../../support/store/store.js";

const [operator, bob] = [0, 1_001];
const config = parseConfig({ access: { allowRootFunctions: true } }, "");
const log = pino({ level: "silent" });
const socket = "gleaner-0123456789abcdef";
const options = { version: "1.2.3", log, runProgram: runAsChild };
const hostId = "0f3b7a52-9d0e-4c7e-8a55-0d2f6f1f3a10";

let folder: StoreFolder;
let site: HostileSite;
let server: FastifyInstance;
let node: ScriptedExecutor;
/** What lets the disk go on; null while it does not stand still. */
let held: (() => void)[] | null;
let isFull: boolean;

beforeEach(async () => {
  [held, isFull] = [null, false];
  folder = await makeStoreFolder();
  const store = await folder.open(folder.newFile());
  const recordCall: Store["recordCall"] = async (call) => {
    if (held !== null) await new Promise<void>((resolve) => held?.push(resolve));
    if (isFull) throw new GleanerError("STORE", "the disk is full");
    return store.recordCall(call);
  };
  site = new HostileSite({ ...store, recordCall });
  await site.start();
  await listen();
  node = await site.executorOn("n1", 2);
  node.ready({ cores: 2, memoryMb: 2_000, gpus: [] });
  await deploy();
});
afterEach(async () => {
  site.parts.waiters.close();
  await server.close();
  await site.end();
  await folder.remove();
});

async function listen(): Promise<void> {
  server = await apiServer({ ...options, config }, site.store, site.parts, null);
  await server.listen({ host: "127.0.0.1", port: 0 });
}

async function ask(method: string, path: string, body?: object | Uint8Array, uid = operator) {
  const { port } = server.server.address() as AddressInfo;
  const user = { uid, gid: 100, user: `u${uid}` };
  const token = site.parts.secrets.issueToken(user, nowMs() + 60_000);
  const isJson = body !== undefined && !(body instanceof Uint8Array);
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(isJson && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: isJson ? JSON.stringify(body) : Buffer.from(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as never };
}

async function deploy(uid = operator): Promise<void> {
  const tree = writeTree(mkdtempSync(join(folder.folder, "f-")), { text: "x" });
  const { bytes, version } = await packed(tree);
  await ask("PUT", `/v1/blobs/${version}`, bytes, uid);
  const request = { requestId: randomUUID(), name: "tile", bundle: version, sharing: "all" };
  expect((await ask("POST", "/v1/functions", request, uid)).status).toBe(200);
}

const asked = (change: object = {}) => ({
  ...{ requestId: randomUUID(), function: "tile", workers: 2, memoryMb: 100, waitMs: 20_000 },
  ...change,
});
const request = (change: object = {}) => ask("POST", "/v1/leases", asked(change));

function serves({ invocation, attempt }: AttemptOrder, port: number): void {
  const key = { invocation, attempt };
  node.say({ type: "serving", key, port, socket, hostId });
}

const crash = { end: "FAILED", exitCode: null, signal: 11, wallMs: 5, reason: "crash" } as const;

const crashes = (order: AttemptOrder) => node.endsInTime(order, crash);

/** A lease of two workers that serve. */
async function granted(change: object = {}): Promise<LeaseView> {
  const answer = request({ atLeast: 2, ...change });
  const [one, other] = await node.ordered(2);
  serves(one!, 1_001);
  serves(other!, 1_002);
  const { status, body } = await answer;
  expect({ status, body }).toMatchObject({ status: 200 });
  return body;
}

test("a lease is granted once enough of its workers serve, with the key of each", async () => {
  const lease = await granted();
  expect(lease).toMatchObject({ state: "ACTIVE", function: "tile", wanted: 2, waiting: 0 });
  expect(lease.workers.map(({ port }) => port)).toEqual([1_001, 1_002]);
  const keys = node.orders.map(({ command }) =>
    command.kind === "call" ? Buffer.from(command.lease!.key).toString("hex") : "",
  );
  expect(lease.workers.map(({ key }) => key)).toEqual(keys);
  expect(new Set(keys).size).toBe(2);
});

test("explain says that a leased worker starts until it serves", async () => {
  const answer = request({ workers: 1 });
  const [order] = await node.ordered(1);
  const path = `/v1/explain/${order!.invocation}`;
  const explained = async () => JSON.stringify((await ask("GET", path)).body);
  expect(await explained()).toMatch(/its worker has been starting for \d+ ms and does not serve/);
  serves(order!, 1_001);
  await answer;
  expect(await explained()).not.toContain("does not serve");
});

/** Its only worker serves. */
async function grantedBy(answer: ReturnType<typeof request>) {
  const [order] = await node.ordered(1);
  serves(order!, 1_001);
  return answer;
}

/** A lease that is not on record, since the disk stands still. */
async function grantedAhead(workers: number, requestId: string = randomUUID()): Promise<LeaseView> {
  held = [];
  const answer = request({ requestId, workers, atLeast: workers, fresh: true });
  const orders = await node.ordered(workers);
  for (const [at, order] of orders.entries()) serves(order, 1_001 + at);
  const { status, body } = await answer;
  expect({ status, body }).toMatchObject({ status: 200, body: { state: "ACTIVE" } });
  return body;
}

function diskGoesOn(): void {
  for (const goOn of held ?? []) goOn();
  held = null;
}

const billed = async () => (await site.store.bill({})).reduce((sum, line) => sum + line.coreMs, 0);
const isAcknowledged = () => node.heard.some(({ type }) => type === "recorded");
const recorded = (count: number) =>
  node.until(() => node.heard.filter(({ type }) => type === "recorded").length === count);

test.each([1, 2])(
  "%i workers are granted while the disk stands still, and are on record then",
  async (workers) => {
    const { id } = await grantedAhead(workers);
    const asksBeforeRecord = ask("GET", `/v1/leases/${id}`);
    diskGoesOn();
    expect((await asksBeforeRecord).body).toMatchObject({ id, state: "ACTIVE" });
    for (const { invocation } of node.orders)
      expect(await site.recordOf(invocation)).toMatchObject({ state: "RUNNING", arrayJobId: id });
    await ask("POST", `/v1/leases/${id}/end`, {});
    for (const order of node.orders) await node.endsInTime(order, { end: "CANCELLED", wallMs: 4 });
    await recorded(workers);
    expect(await billed()).toBe(4 * workers);
  },
);

test("a worker that is evicted before its lease is on record is replaced, and both are recorded", async () => {
  const { id } = await grantedAhead(2);
  const [one, other] = node.orders;
  await node.endsInTime(one!, { end: "EVICTED", exitCode: null, wallMs: 3 });
  diskGoesOn();
  const again = (await node.ordered(3))[2]!;
  expect(again).toMatchObject({ invocation: one!.invocation, attempt: 2 });
  await ask("POST", `/v1/leases/${id}/end`, {});
  for (const order of [other!, again])
    await node.endsInTime(order, { end: "CANCELLED", wallMs: 4 });
  await recorded(3);
  const attemptsOf = async (order: AttemptOrder) =>
    (await site.store.listAttempts(order.invocation)).map(({ state, wallMs }) => [state, wallMs]);
  expect(await attemptsOf(one!)).toEqual([
    ["EVICTED", 3],
    ["CANCELLED", 4],
  ]);
  expect(await attemptsOf(other!)).toEqual([["CANCELLED", 4]]);
});

test("a lease is billed once although gleanerd died before it was on record, and was asked for again", async () => {
  const requestId = randomUUID();
  const lease = await grantedAhead(2, requestId);
  const { orders } = node;
  while (held!.length === 0) await turn();
  // The write that is in progress never happens.
  held = null;
  await server.close();
  await site.stop();
  await site.start();
  await listen();
  node = await site.connect(node.spec);
  node.ready({ cores: 2, memoryMb: 2_000, gpus: [] }, { answersFor: orders });
  await node.until(() => node.heard.some(({ type }) => type === "cancel"));
  const other = (await request({ requestId, workers: 1, atLeast: 0 })).body as LeaseView;
  expect(other.id).not.toBe(lease.id);
  const cancelled = { end: "CANCELLED", wallMs: 4 } as const;
  for (const order of [...orders, ...orders])
    await node.endsInTime(order, cancelled, order.voucher);
  await recorded(4);
  for (const { invocation } of orders)
    expect(await site.recordOf(invocation)).toMatchObject({ state: "CANCELLED", wallMs: 4 });
  expect(await billed()).toBe(8);
});

test("a request that is sent again before it is on record is the same lease", async () => {
  const requestId = randomUUID();
  const { id } = await grantedAhead(2, requestId);
  const again = await request({ requestId, workers: 2 });
  expect(again.body).toMatchObject({ id, state: "ACTIVE" });
  diskGoesOn();
  expect(await request({ requestId, workers: 2 })).toMatchObject({ body: { id } });
});

test("nobody else gets keys, and nobody but an operator sees another's lease", async () => {
  const { id } = await granted();
  const listed = (await ask("GET", "/v1/leases")).body as { leases: LeaseView[] };
  const keys = listed.leases.flatMap(({ workers }) => workers.map(({ key }) => key));
  expect(keys).toEqual([null, null]);
  expect((await ask("GET", "/v1/leases", undefined, bob)).body).toEqual({ leases: [] });
  expect((await ask("GET", `/v1/leases/${id}`, undefined, bob)).status).toBe(403);
  expect((await ask("POST", `/v1/leases/${id}/end`, {}, bob)).status).toBe(403);
});

test("an operator sees another's lease, none of its keys, and whose node is disconnected", async () => {
  await deploy(bob);
  const answer = ask("POST", "/v1/leases", asked({ workers: 1 }), bob);
  const [order] = await node.ordered(1);
  serves(order!, 1_001);
  const { id, workers } = (await answer).body as LeaseView;
  expect(workers[0]!.key).toMatch(/^[0-9a-f]{64}$/);
  const seen = async () => ((await ask("GET", `/v1/leases/${id}`)).body as LeaseView).workers;
  expect(await seen()).toMatchObject([{ port: 1_001, key: null, disconnected: false }]);
  const record = site.parts.registry.get(node.spec.executor)!;
  Object.defineProperty(record, "isDisconnected", { value: true });
  expect(await seen()).toMatchObject([{ state: "serving", disconnected: true }]);
});

test("a lease that does not get enough workers in time ends, and says why", async () => {
  const { status, body } = await request({ workers: 3, atLeast: 3, waitMs: 1_000 });
  expect({ status, body }).toMatchObject({
    status: 503,
    body: { error: { code: "LEASE_NOT_GRANTED" } },
  });
  const orders = await node.ordered(2);
  await node.until(() => node.heard.filter(({ type }) => type === "cancel").length === 2);
  for (const order of orders) node.ends(order);
  await node.until(() => node.heard.filter(({ type }) => type === "recorded").length === 2);
  expect(site.parts.live.size).toBe(0);
});

test.each([
  [
    "its workers crash",
    "3 of its workers crashed in a row: crash",
    async () => {
      for (const count of [1, 2, 3]) await crashes((await node.ordered(count)).at(-1)!);
    },
  ],
  [
    "its owner ends it",
    "ended by u0",
    async () => {
      const [order] = await node.ordered(1);
      await ask("POST", `/v1/leases/${order!.invocation}/end`, {});
    },
  ],
])(
  "a lease that ends while it is waited for, since %s, fails with the reason",
  async (_, why, end) => {
    const answer = request({ workers: 1 });
    await end();
    expect(await answer).toMatchObject({
      status: 503,
      body: { error: { code: "LEASE_NOT_GRANTED", message: expect.stringContaining(why) } },
    });
  },
);

test("the time that a grant takes is no part of the ttl", async () => {
  const answer = request({ atLeast: 2, ttlMs: 1_000 });
  const [one, other] = await node.ordered(2);
  serves(one!, 1_001);
  await pause(1_500);
  serves(other!, 1_002);
  expect((await answer).body).toMatchObject({ state: "ACTIVE", waiting: 0 });
});

test("an evicted worker is replaced, and whoever follows the lease learns of both", async () => {
  const { id, revision } = await granted();
  const changed = ask("GET", `/v1/leases/${id}?revision=${revision}&waitMs=20000`);
  node.ends(node.orders[0]!, { end: "EVICTED", exitCode: null });
  const less = (await changed).body as LeaseView;
  expect(less).toMatchObject({ state: "ACTIVE", waiting: 1 });
  const again = ask("GET", `/v1/leases/${id}?revision=${less.revision}&waitMs=20000`);
  const orders = await node.ordered(3);
  serves(orders[2]!, 1_003);
  const { workers } = (await again).body as LeaseView;
  expect(workers.map(({ port }) => port).toSorted()).toEqual([1_002, 1_003]);
  expect(orders[2]!.attempt).toBe(2);
});

test("a lease that is not renewed ends; a renewal is passed on to its executors", async () => {
  const { id } = await granted({ ttlMs: 60_000 });
  await ask("POST", `/v1/leases/${id}/renew`, { ttlMs: 400 });
  await node.until(() => node.heard.some((each) => each.type === "extendLease" && each.inMs < 401));
  await node.until(() => node.heard.filter(({ type }) => type === "cancel").length === 2);
  for (const order of node.orders) node.ends(order);
  await node.until(() => node.heard.filter(({ type }) => type === "recorded").length === 2);
  expect((await ask("GET", `/v1/leases/${id}`)).body).toMatchObject({ state: "ENDED" });
  expect((await ask("POST", `/v1/leases/${id}/renew`, {})).status).toBe(404);
});

test("a crash is acknowledged once it is on record, although the disk was full", async () => {
  isFull = true;
  const { status } = await grantedBy(request({ workers: 1, fresh: true }));
  expect(status).toBe(200);
  const [order] = node.orders;
  const crashed = { ...crash, wallMs: 3 };
  await node.endsInTime(order!, crashed, order!.voucher);
  await node.until(() => node.orders.length > 1);
  expect({ isOver: node.isOver, isAcknowledged: isAcknowledged() }).toEqual({
    isOver: true,
    isAcknowledged: false,
  });
  isFull = false;
  node = await site.connect(node.spec);
  node.ready({ cores: 2, memoryMb: 2_000, gpus: [] }, { answersFor: [order!] });
  await node.endsInTime(order!, crashed, order!.voucher);
  await node.until(isAcknowledged);
  expect((await node.ordered(1))[0]).toMatchObject({ attempt: 2 });
  expect(await billed()).toBe(3);
});

test("a worker that crashes is replaced; the third crash in a row ends the lease with its words", async () => {
  const { id } = await granted();
  const [first, other] = node.orders;
  await crashes(first!);
  const second = (await node.ordered(3))[2]!;
  expect(second).toMatchObject({ invocation: first!.invocation, attempt: 2 });
  // An end that is no crash begins a new row.
  await node.endsInTime(other!, { end: "EVICTED", exitCode: null, wallMs: 5 });
  const third = (await node.ordered(4))[3]!;
  for (const [at, order] of [second, third].entries()) {
    await crashes(order);
    await node.ordered(5 + at);
  }
  const [one, last] = node.orders.slice(-2);
  await crashes(one!);
  await node.until(() => node.heard.some(({ type }) => type === "cancel"));
  await node.endsInTime(last!, { reason: "it was cancelled", wallMs: 5 });
  await recorded(6);
  const reason = "3 of its workers crashed in a row: crash";
  const { body } = await ask("GET", `/v1/leases/${id}`);
  expect(body).toMatchObject({ state: "ENDED", reason });
  const listed = (await ask("GET", "/v1/invocations?limit=9")).body as {
    invocations: { state: string; reason: string }[];
  };
  expect(listed.invocations.map(({ state, reason }) => [state, reason]).toSorted()).toEqual([
    ["COMPLETED", reason],
    ["FAILED", reason],
  ]);
});

test("an ended lease says who ended it, and what its core-time was", async () => {
  const { id } = await granted({ hotMs: -1 });
  await ask("POST", `/v1/leases/${id}/end`, {});
  // Longer than it takes to grant a lease and to end it is not believed.
  const said = { calls: 1, busyMs: 1, spinMs: 1 };
  const used = { wallMs: 3, cpuMs: 2, reason: "it was cancelled", lease: said };
  for (const order of node.orders) await node.endsInTime(order, used);
  await recorded(2);
  expect((await ask("GET", `/v1/leases/${id}`)).body).toMatchObject({
    ...{ state: "ENDED", reason: "ended by u0" },
    used: { callsCoreMs: 2, hotCoreMs: 2, heldCoreMs: 2 },
  });
  const explained = (await ask("GET", `/v1/explain/${id}`)).body as { lines: string[] };
  expect(explained.lines[0]).toMatch(/ended COMPLETED .*: ended by u0$/);
  const bill = (await ask("GET", "/v1/bill")).body as { total: object };
  expect(bill.total).toMatchObject({ attempts: 2, coreMs: 6, heldCoreMs: 2, hotCoreMs: 4 });
});

test("limits are told, and a request that is sent again is the same lease", async () => {
  const body = asked({ atLeast: 0 });
  const [one, same] = [
    await ask("POST", "/v1/leases", body),
    await ask("POST", "/v1/leases", body),
  ];
  expect((same.body as LeaseView).id).toBe((one.body as LeaseView).id);
  const sentence = async (change: object) =>
    ((await request(change)).body as { error: { message: string } }).error.message;
  expect(await sentence({ workers: 255 })).toContain("leases.maxWorkersPerUser");
  expect(await sentence({ ttlMs: 3_600_000 })).toContain("leases.maxTtlMs");
  expect(await sentence({ atLeast: 3 })).toContain("atLeast");
});

test("leases that are requested at once keep within the limit together", async () => {
  const { maxPerUser } = config.leases;
  const answers = await Promise.all(
    Array.from({ length: maxPerUser + 4 }, () => request({ workers: 1, atLeast: 0 })),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(maxPerUser);
});

test("a restarted gleanerd takes over: the same keys, and its executors tell where they serve", async () => {
  const { id, workers, revision, timeLimitMs } = await granted();
  await server.close();
  await site.stop();
  await site.start();
  await listen();
  node = await site.connect(node.spec);
  const before = (await ask("GET", `/v1/leases/${id}`)).body as LeaseView;
  expect(before).toMatchObject({ state: "PENDING", workers: [], wanted: 2, timeLimitMs });
  expect(before.revision).toBeGreaterThanOrEqual(revision);
  const answersFor = workers.map(({ worker }) => {
    const [invocation, attempt] = worker.split(".").map(Number) as [number, number];
    return { invocation, attempt };
  });
  node.ready({ cores: 2, memoryMb: 2_000, gpus: [] }, { answersFor: answersFor as never });
  for (const [at, key] of answersFor.entries())
    node.say({ type: "serving", key, port: 1_001 + at, socket, hostId });
  await node.isHeard();
  const after = (await ask("GET", `/v1/leases/${id}`)).body as LeaseView;
  expect(after.workers.map(({ key, port }) => ({ key, port }))).toEqual(
    workers.map(({ key, port }) => ({ key, port })),
  );
});
