// Maps whose inputs are a stream: kept as they came, whole or not at all, run like any array, with
// results that a client continues after any of them.

import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { type ClientRequest, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { nowMs } from "../../../../../src/clock.js";
import { parseConfig } from "../../../../../src/config.js";
import type { Store } from "../../../../../src/core/ports/store.js";
import { listResults } from "../../../../../src/daemon/api/maps/results.js";
import { apiServer } from "../../../../../src/daemon/serve.js";
import type { Payload } from "../../../../../src/model/call.js";
import { invocationId } from "../../../../../src/model/ids.js";
import { runAsChild } from "../../../../../src/processes/run.js";
import { frameOf, framesType, linesType } from "../../../../../src/wire/api/input-frames.js";
import type { AttemptOrder } from "../../../../../src/wire/messages.js";
import { packed, writeTree } from "../../../../support/bundle/bundles.js";
import { HostileSite, type ScriptedExecutor } from "../../../../support/daemon/hostile-site.js";
import { makeStoreFolder, type StoreFolder } from "../../../../support/store/store.js";

const [ada, bob] = [1_000, 1_001];
const log = pino({ level: "silent" });
const config = (more: object = {}) =>
  parseConfig({ access: { allowRootFunctions: true }, ...more }, "a site of maps");

let folder: StoreFolder;
let site: HostileSite;
let server: FastifyInstance;
beforeEach(async () => {
  folder = await makeStoreFolder();
  site = new HostileSite(await folder.open(folder.newFile()));
  await site.start();
  await serve();
  const tree = writeTree(mkdtempSync(join(folder.folder, "f-")), { "main.py": "" });
  const { bytes, version } = await packed(tree);
  await ask("PUT", `/v1/blobs/${version}`, bytes);
  const deployed = { requestId: randomUUID(), name: "tile", bundle: version };
  await ask("POST", "/v1/functions", JSON.stringify(deployed), "application/json");
});
afterEach(async () => {
  await server.close();
  await site.end();
  await folder.remove();
});

async function serve(more: object = {}): Promise<void> {
  server = await apiServer(
    { config: config(more), version: "1", log, runProgram: runAsChild },
    site.store,
    site.parts,
    null,
  );
  await server.listen({ host: "127.0.0.1", port: 0 });
}

const base = () => `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
const authorization = (uid: number) => {
  const user = { uid, gid: uid, user: `u${uid}` };
  return `Bearer ${site.parts.secrets.issueToken(user, nowMs() + 60_000)}`;
};

async function ask(
  method: string,
  path: string,
  body?: Uint8Array | string,
  type = "application/octet-stream",
  uid: number = ada,
) {
  const headers = { authorization: authorization(uid), ...(body && { "content-type": type }) };
  const sent = typeof body === "string" ? body : body && Buffer.from(body);
  const answer = await fetch(base() + path, { method, headers, ...(sent && { body: sent }) });
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server sent
  return { status: answer.status, body: (await answer.json()) as any };
}

const mapPath = (requestId: string = randomUUID()) =>
  `/v1/maps/stream?function=tile&requestId=${requestId}`;
const map = (body: Uint8Array | string, type = linesType, path = mapPath(), uid: number = ada) =>
  ask("POST", path, body, type, uid);
const frames = (inputs: readonly Payload[]) => Buffer.concat(inputs.map(frameOf));
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);
const lines = (count: number) =>
  numbers(count)
    .map((at) => `{"at":${at}}`)
    .join("\n");
const inputOf = async (id: string) => (await ask("GET", `/v1/invocations/${id}/input`)).body;

/** A request whose body goes on until the test ends or breaks it. */
function begun(path = mapPath()): ClientRequest {
  const headers = { authorization: authorization(ada), "content-type": linesType };
  const asked = request(base() + path, { method: "POST", headers });
  asked.on("error", () => undefined);
  return asked;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe("the inputs", () => {
  test("are kept byte for byte, in their order", async () => {
    const text = ['{"n":9007199254740993}', "", "2.0\r", ' [1, "ü"]'].join("\n");
    const { body } = await map(text);
    expect(body).toEqual({ id: expect.any(Number), tasks: 3 });
    const type = { contentType: "application/json" };
    expect(await inputOf(`${body.id}_0`)).toEqual({ ...type, text: '{"n":9007199254740993}' });
    expect(await inputOf(`${body.id}_1`)).toEqual({ ...type, text: "2.0" });
    expect(await inputOf(`${body.id}_2`)).toEqual({ ...type, text: ' [1, "ü"]' });
  });

  test("may be of any type, and of any size as contents of the caller's", async () => {
    const large = Buffer.alloc(70_000, 7);
    const { createHash } = await import("node:crypto");
    const blob = createHash("sha256").update(large).digest("hex");
    await ask("PUT", `/v1/blobs/${blob}`, large);
    const inline = { contentType: "image/png", body: Buffer.from([0, 255, 10]) };
    const stored = { contentType: "image/png", blob: blob as never, bytes: 0 };
    const { body } = await map(frames([inline, stored, inline]), framesType);
    expect(body.tasks).toBe(3);
    expect(await inputOf(`${body.id}_2`)).toEqual({ contentType: "image/png", base64: "AP8K" });
    expect(await inputOf(`${body.id}_1`)).toEqual({
      ...{ contentType: "image/png", blob, bytes: large.length },
    });
    const others = await map(frames([stored]), framesType, mapPath(), bob);
    expect(others.status).not.toBe(200);
  });

  test("are one entry of the queue and one content on the disk, however many they are", async () => {
    const { body } = await map(lines(20_000));
    expect(body.tasks).toBe(20_000);
    expect([...site.parts.live.runs()]).toHaveLength(1);
    expect(site.blobFiles.kept.size).toBe(2);
    expect(await inputOf(`${body.id}_19999`)).toMatchObject({ text: '{"at":19999}' });
  });

  test.each<[string, string | Uint8Array, string, RegExp]>([
    ["no JSON", '{"a":1}\nb\n', linesType, /^line 2 is not JSON/],
    ["too large", `1\n"${"x".repeat(70_000)}"`, linesType, /^line 2 has 70002 bytes/],
    ["none", "\n\n", linesType, /^the map has no inputs/],
    [
      "cut off",
      frames([{ contentType: "", body: Buffer.from("a") }]).subarray(0, -1),
      framesType,
      /^input 0 is cut off/,
    ],
    ["of another type", "1", "text/plain", /^the inputs have the type 'text\/plain'/],
  ])("that are %s are refused, and leave nothing", async (_, body, type, sentence) => {
    const answer = await map(body, type);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body.error.message).toMatch(sentence);
    expect(site.parts.live.size).toBe(0);
    expect(site.blobFiles.kept.size).toBe(1);
    expect(site.parts.blobs.bytesOf(ada)).toBe((await site.store.loadBlobUse())[0]!.bytes);
  });

  test("over the limits of the site are refused, and leave nothing", async () => {
    await server.close();
    await serve({ functions: { maxArrayTasks: 10 } });
    expect((await map(lines(11))).body.error.message).toMatch(/more than 10 inputs/);
    expect((await map(lines(10))).body.tasks).toBe(10);
    expect(site.parts.live.size).toBe(10);
  });

  test("of a request that breaks off leave nothing, and nothing is visible before", async () => {
    const asked = begun();
    asked.write(lines(5_000));
    await until(() => site.parts.blobs.bytesOf(ada) > 4_000_000);
    expect(site.parts.live.size).toBe(0);
    expect(await site.store.loadLive(0, 10)).toEqual([]);
    asked.destroy();
    await until(() => site.parts.blobs.bytesOf(ada) < 4_000_000);
    expect([site.blobFiles.kept.size, site.parts.live.size]).toEqual([1, 0]);
  });
});

test("a request that is sent again is the same map", async () => {
  const path = mapPath();
  const [first, second] = await Promise.all([
    map(lines(100), linesType, path),
    map(lines(100), linesType, path),
  ]);
  expect(second.body).toEqual(first.body);
  expect((await map("", linesType, path)).body).toEqual(first.body);
  expect((await map("no JSON", linesType, path)).body).toEqual(first.body);
  expect(site.parts.live.size).toBe(100);
  expect(site.blobFiles.kept.size).toBe(2);
  expect((await map(lines(100), linesType, path, bob)).status).toBe(404);
});

test("the next gleanerd runs what was accepted, with its own inputs", async () => {
  const { body } = await map(lines(600));
  await site.stop();
  await site.start();
  const { there, orders } = await ordered(3);
  expect(orders.map(textOf)).toEqual(['{"at":0}', '{"at":1}', '{"at":2}']);
  await finish(there, orders[0]!);
  const after = await site.parts.documents.inputOf(
    site.parts.live.get(invocationId(body.id + 599))!,
  );
  expect(Buffer.from((after as { body: Uint8Array }).body).toString()).toBe('{"at":599}');
});

/** An executor, with so many orders of calls. */
async function ordered(count: number) {
  const there = await site.executorOn("n1", count);
  there.ready({ cores: count, memoryMb: count * 1_000, gpus: [] });
  site.parts.dispatcher.kick();
  return { there, orders: await there.ordered(count) };
}

const textOf = ({ command }: AttemptOrder): string => {
  if (command.kind !== "call" || !("body" in command.input)) throw new Error("no call");
  return Buffer.from(command.input.body).toString();
};

async function finish(there: ScriptedExecutor, order: AttemptOrder): Promise<void> {
  const body = Buffer.from(textOf(order));
  const answer = { kind: "result", payload: { contentType: "application/json", body } } as const;
  there.ends(order, { exitCode: 0, answer });
  await recorded(there, [order]);
}

const recorded = (there: ScriptedExecutor, orders: readonly AttemptOrder[]) =>
  there.until(() =>
    orders.every(({ invocation }) =>
      there.heard.some((each) => each.type === "recorded" && each.key.invocation === invocation),
    ),
  );

describe("the results", () => {
  const page = async (id: number, query: string) =>
    (await ask("GET", `/v1/maps/${id}/results?${query}`)).body;
  const tasksOf = ({ results }: { results: readonly { task: number }[] }) =>
    results.map(({ task }) => task);

  test("come in the order of the inputs or of the ends, from any cursor on", async () => {
    const { body } = await map(lines(9));
    const { there, orders } = await ordered(3);
    const done = [orders[2]!, orders[0]!];
    for (const order of done) await finish(there, order);
    expect(await page(body.id, "")).toMatchObject({
      results: [{ task: 0, state: "COMPLETED", answer: { payload: { text: '{"at":0}' } } }],
      next: 1,
      isComplete: false,
    });
    expect(tasksOf(await page(body.id, "order=ended"))).toEqual([2, 0]);
    expect(tasksOf(await page(body.id, "order=ended&after=1"))).toEqual([0]);
    await ask("POST", "/v1/cancel", JSON.stringify({ ids: [`${body.id}`] }), "application/json");
    const running = (await there.ordered(5)).filter((each) => !done.includes(each));
    for (const order of running) there.ends(order, { end: "CANCELLED" });
    await recorded(there, running);
    const all = await page(body.id, "order=ended&after=2");
    expect(all).toMatchObject({ next: 9, isComplete: true });
    expect(tasksOf(all).toSorted()).toEqual([1, 3, 4, 5, 6, 7, 8]);
    const two = await page(body.id, "order=ended&after=3&limit=2");
    expect(tasksOf(two)).toEqual(tasksOf(all).slice(1, 3));
    expect(two.next).toBe(5);
    expect(tasksOf(await page(body.id, "after=4&limit=3"))).toEqual([4, 5, 6]);
    expect(await page(body.id, "after=9")).toEqual({ results: [], next: 9, isComplete: true });
  });

  test("are waited for", async () => {
    const { body } = await map(lines(2));
    const asked = page(body.id, "order=ended&waitMs=60000");
    const { there, orders } = await ordered(2);
    await finish(there, orders[1]!);
    expect(tasksOf(await asked)).toEqual([1]);
    expect(await page(body.id, "waitMs=1")).toMatchObject({ results: [], next: 0 });
  });

  test("are found by who waits, although a task ends while they are read", async () => {
    const { body } = await map(lines(2));
    const { there, orders } = await ordered(2);
    let reads = 0;
    const store: Store = {
      ...site.store,
      listMapEnds: async (...asked) => {
        const before = await site.store.listMapEnds(...asked);
        if (++reads === 1) await finish(there, orders[1]!);
        return before;
      },
    };
    const asked = {
      id: `${body.id}`,
      order: "ended",
      after: 0,
      limit: 10,
      waitMs: 60_000,
    } as const;
    const deps = { store, live: site.parts.live, waiters: site.parts.waiters };
    const caller = { uid: ada, gid: ada, user: "ada", operator: false };
    const { signal } = new AbortController();
    expect(tasksOf(await listResults(deps, caller, asked, signal))).toEqual([1]);
    expect(site.parts.waiters.size).toBe(0);
  });

  test("are their owner's", async () => {
    const { body } = await map(lines(2));
    const answer = await ask("GET", `/v1/maps/${body.id}/results`, undefined, "", bob);
    expect(answer.status).toBe(403);
  });
});

test("the inputs go once all results are old, and the disk is free again", async () => {
  const { body } = await map(lines(3));
  const { there, orders } = await ordered(3);
  const old = () => site.store.pruneAnswers(nowMs() + 1_000, 100);
  for (const order of orders.slice(1)) await finish(there, order);
  await old();
  expect(await site.store.packedInputsOf(body.id)).not.toBeNull();
  await finish(there, orders[0]!);
  await site.store.pruneAnswers(0, 100);
  expect(await site.store.packedInputsOf(body.id)).not.toBeNull();
  await old();
  expect(await site.store.packedInputsOf(body.id)).toBeNull();
  expect((await ask("GET", `/v1/invocations/${body.id}_0/input`)).status).toBe(404);
  const [unused] = await site.store.listUnusedBlobs(nowMs() + 1_000, 10);
  expect(unused).toBeDefined();
});
