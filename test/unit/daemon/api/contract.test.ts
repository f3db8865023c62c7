// The contract of the HTTP API: every route of a real server, over real records, answers as
// declared, without additional fields.

import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { nowMs } from "../../../../src/clock.js";
import { parseConfig } from "../../../../src/config.js";
import { openApiText } from "../../../../src/daemon/api/openapi.js";
import { apiServer } from "../../../../src/daemon/serve.js";
import type { Hole, UnusableReason } from "../../../../src/model/capacity/hole.js";
import { invocationId, jobId, nodeName } from "../../../../src/model/ids.js";
import { runAsChild } from "../../../../src/processes/run.js";
import { makeCredential } from "../../../../src/sdk/index.js";
import { errorCodes, statusOf } from "../../../../src/wire/api/errors.js";
import { linesType } from "../../../../src/wire/api/input-frames.js";
import { errorsOf, type Route } from "../../../../src/wire/api/route.js";
import { routes } from "../../../../src/wire/api/routes.js";
import { errorAnswer } from "../../../../src/wire/api/shapes/authority.js";
import type { ChallengeAnswer, RouteName } from "../../../../src/wire/api/types.js";
import { credentialPayload, shownEndpoint } from "../../../../src/wire/munge/credential.js";
import { packed, writeTree } from "../../../support/bundle/bundles.js";
import { HostileSite } from "../../../support/daemon/hostile-site.js";
import { Munged } from "../../../support/daemon/munged.js";
import { executor, node, snapshot } from "../../../support/nouns.js";
import { makeStoreFolder, type StoreFolder } from "../../../support/store/store.js";

const operator = 0;
const [n1, n2] = [nodeName("n1"), nodeName("n2")];
/** The user `a` of HostileSite.submit(). */
const ada = 1_000 + "a".charCodeAt(0);
const bob = ada + 1;

const munged = new Munged();
const log = pino({ level: "silent" });
let folder: StoreFolder;
let site: HostileSite;
let server: FastifyInstance;
/** One that has ended, and one that runs. */
let [ended, running] = [0, 0];

beforeAll(async () => {
  munged.start();
  folder = await makeStoreFolder();
  site = new HostileSite(await folder.open(folder.newFile()));
  await site.start();
  const config = parseConfig(
    { munge: { socket: munged.socket }, access: { allowRootFunctions: true } },
    "the contract's site",
  );
  server = await apiServer(
    { config, version: "1.2.3", log, runProgram: runAsChild },
    site.store,
    site.parts,
    null,
  );
  await server.listen({ host: "127.0.0.1", port: 0 });
  await fill();
});
afterAll(async () => {
  await server.close();
  await site.end();
  await folder.remove();
  munged.stop();
});

/** Something of every kind: what answers leave out otherwise is shown. */
async function fill(): Promise<void> {
  const { parts, store } = site;
  const there = await site.executorOn(n1, 8);
  there.ready({ cores: 8, memoryMb: 8_000, gpus: [] });
  ended = await site.submit("a", 2);
  const [order] = await there.ordered(1);
  there.ends(order!, { wallMs: 1_500, cpuMs: 1_000, maxRssMb: 10, exitCode: 0 });
  await there.isHeard();
  running = await site.submit("a", 3);
  await there.ordered(2);
  await site.submit("b", 64);
  await site.settled();
  const { budget } = executor({ budget: { cores: 8, memoryMb: 8_000, gpus: [0], cpuIds: [0, 1] } });
  const end = { endsAtMs: nowMs() + 5_000, confidence: 0.5, source: "survival" } as const;
  const where = { node: n1, kind: "fragment", sinceMs: nowMs(), gpuProblem: "MIG" } as const;
  const hole: Hole = { ...where, free: budget, predictedEndAtMs: null, end };
  const reason: UnusableReason = { kind: "sick", detail: "it crashed", retryInMs: 5_000 };
  parts.capacity.snapshot = snapshot({
    nodes: [node({ name: n1 }), node({ name: n2 })],
    nodesAskedAtMs: nowMs(),
  });
  parts.capacity.plan = {
    holes: [hole],
    unusable: [{ node: n2, reason, idleCores: 16 }],
    steps: [],
    madeFromMs: nowMs(),
  };
  const process = { pid: 7, invocation: invocationId(1), name: "dd", user: "ada", waitsIn: "nfs" };
  const processes = [{ ...process, path: "/home", fileSystem: "nfs4" }];
  parts.registry.unkillable.set(n2, { count: 1, processes, held: budget });
  const [fromMs, toMs] = [nowMs() - 60_000, nowMs()];
  await store.saveNodeSpans([{ node: n1, cores: 16, fromMs, toMs }]);
  const asked = { node: n1, jobId: jobId(9), atMs: toMs - 10, tookMs: 12 };
  await store.saveEviction({ ...asked, attempts: 1, lostCoreMs: 500, left: 1 });
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}
interface Ask {
  readonly path?: string;
  readonly body?: object;
  readonly bytes?: Uint8Array;
  readonly type?: string;
}

const port = (): number => (server.server.address() as AddressInfo).port;

async function ask(
  name: RouteName,
  { path, body, bytes, type }: Ask,
  uid: number | null,
): Promise<Answer> {
  const { method, path: declared, ...rest }: Route = routes[name];
  const user = { uid: uid ?? 0, gid: 100, user: `u${uid}` };
  const token = site.parts.secrets.issueToken(user, nowMs() + 60_000);
  const answer = await fetch(`http://127.0.0.1:${port()}${path ?? declared}`, {
    method,
    headers: {
      ...(uid !== null && { authorization: `Bearer ${token}` }),
      ...(rest.body !== undefined && { "content-type": "application/json" }),
      ...(type !== undefined && { "content-type": type }),
    },
    ...(rest.body !== undefined && { body: JSON.stringify(body ?? {}) }),
    ...(rest.streamed && { body: bytes ?? null }),
  });
  const isJson = answer.headers.get("content-type")?.startsWith("application/json");
  const sent = isJson ? await answer.json() : new Uint8Array(await answer.arrayBuffer());
  return { status: answer.status, body: sent };
}

async function credential(): Promise<string> {
  const { body } = await ask("challenge", {}, null);
  const address = shownEndpoint({ host: "127.0.0.1", port: port() });
  const payload = credentialPayload({ address, ...(body as ChallengeAnswer) });
  return makeCredential(munged.options, payload);
}

const submission = {
  ...{ name: "x", command: { kind: "argv", argv: ["true"] }, cores: 1, memoryMb: null },
  ...{ memoryPerCoreMb: null, timeLimitMs: null, workingDirectory: "/", environment: {} },
  ...{ stdoutPattern: null, stderrPattern: null, arrayTasks: [1, 2] },
};
const drained = { nodes: ["n2"], now: true };

/** A bundle with one file, as a content. */
async function bundle(text: string): Promise<{ path: string; bytes: Buffer }> {
  const { bytes, version } = await packed(
    writeTree(mkdtempSync(join(folder.folder, "f-")), { text }),
  );
  return { path: `/v1/blobs/${version}`, bytes };
}

async function deployment(text: string, sharing?: string): Promise<object> {
  const hash = (await bundle(text)).path.split("/").at(-1);
  const request = { requestId: randomUUID(), name: "tile", bundle: hash };
  return { ...request, ...(sharing !== undefined && { sharing }) };
}

const input = { contentType: "application/json", text: "[1]" };
const called = (change: object) => ({
  ...{ requestId: randomUUID(), function: "tile", input },
  ...change,
});
const mapped = () => ({
  requestId: randomUUID(),
  function: "tile@latest",
  inputs: [input, { contentType: "", base64: "AAE=" }],
});

const streamed = () => ({ path: `/v1/maps/stream?function=tile&requestId=${randomUUID()}` });

/** Answered at once, without a worker. */
const leased = {
  ...{ requestId: "0e9a4c1e-2f7b-4a53-9d7c-5b1f0c8a7d22", function: "tile" },
  ...{ workers: 2, atLeast: 0 },
};
const leasePath = async (): Promise<string> => {
  const { body } = await ask("requestLease", { body: leased }, operator);
  return `/v1/leases/${(body as { id: number }).id}`;
};

/** At least one good request of each route, in this order, which operators make. */
const requests: Readonly<Record<RouteName, () => Ask[] | Promise<Ask[]>>> = {
  challenge: () => [{}],
  token: async () => [{ body: { credential: await credential() } }],
  openApi: () => [{}],
  submit: () =>
    [{}, { testOnly: true }].map((also) => ({
      body: { requestId: "6b3f7a52-9d0e-4c7e-8a55-0d2f6f1f3a10", submission, ...also },
    })),
  list: () => [{}, { path: `/v1/invocations?ids=${ended},${running}&states=COMPLETED,RUNNING` }],
  detail: () => [ended, running].map((id) => ({ path: `/v1/invocations/${id}` })),
  submissions: () => [{ path: `/v1/submissions?ids=${ended},${running},999` }],
  wait: () => [
    { path: `/v1/invocations/${ended}/wait` },
    { path: `/v1/invocations/${running}/wait?timeoutMs=0` },
  ],
  info: () => [{}],
  explain: () => ["n1", "n2", ended, running].map((what) => ({ path: `/v1/explain/${what}` })),
  holes: () => [{}, { path: "/v1/holes?node=n1" }],
  drain: () => [{ body: drained }, { body: { nodes: ["n9"], now: false } }],
  resume: () => [{ body: drained }],
  doctor: () => [{}],
  utilization: () => [{}, { path: `/v1/utilization?fromMs=0&toMs=${nowMs()}` }],
  prediction: () => [{}],
  refused: () => [{ body: { options: ["licenses", "nodes"] } }],
  adoption: () => [{}, { path: "/v1/adoption?fromMs=0" }],
  bill: () => [{}, { path: `/v1/bill?user=${ada}&fromMs=0` }],
  verifyLedger: () => [{}],
  putBlob: async () => [await bundle("a"), await bundle("b")],
  getBlob: async () => {
    const { path } = await bundle("a");
    return [{ path }];
  },
  checkFunction: async () => [{ body: await deployment("a") }],
  deploy: async () => [{ body: await deployment("a") }, { body: await deployment("b", "all") }],
  listFunctions: () => [{}, { path: "/v1/functions?user=0&limit=1" }],
  showFunction: () => [{ path: "/v1/functions/-/tile" }, { path: "/v1/functions/0/tile" }],
  bundle: () => [{ path: "/v1/functions/-/tile/versions/latest/bundle" }],
  setAlias: () => [{ path: "/v1/functions/-/tile/aliases/prod", body: { version: "latest" } }],
  removeAlias: () => [{ path: "/v1/functions/-/tile/aliases/prod" }],
  shareFunction: () => [{ path: "/v1/functions/-/tile/sharing", body: { sharing: "none" } }],
  call: () => [{ body: called({ waitMs: 0 }) }, { body: called({ waitMs: 1 }) }],
  map: () => [{ body: mapped() }],
  streamMap: () => [{ ...streamed(), bytes: Buffer.from("1\n2\n"), type: linesType }],
  results: async () => {
    const { body } = await ask("map", { body: mapped() }, operator);
    const path = `/v1/maps/${(body as { id: number }).id}/results`;
    return [{ path }, { path: `${path}?order=ended&after=1&limit=1&waitMs=1` }];
  },
  requestLease: () => [{ body: leased }],
  listLeases: () => [{}],
  lease: async () => [{ path: await leasePath() }, { path: `${await leasePath()}?waitMs=1` }],
  renewLease: async () => [{ path: `${await leasePath()}/renew`, body: { ttlMs: 5_000 } }],
  endLease: async () => [{ path: `${await leasePath()}/end` }],
  answer: () => [ended, running].map((id) => ({ path: `/v1/invocations/${id}/answer` })),
  answers: async () => {
    const { body } = await ask("map", { body: mapped() }, operator);
    return [{ path: `/v1/invocations/${(body as { id: number }).id}/answers?after=-1` }];
  },
  outcomes: async () => {
    const { body } = await ask("map", { body: mapped() }, operator);
    const ids = [ended, (body as { id: number }).id];
    return ids.map((id) => ({ path: `/v1/invocations/${id}/outcomes?waitMs=1` }));
  },
  input: async () => {
    const { body } = await ask("map", { body: mapped() }, operator);
    return [0, 1].map((task) => ({
      path: `/v1/invocations/${(body as { id: number }).id}_${task}/input`,
    }));
  },
  functionLog: () => [{ path: "/v1/functions/-/tile/log?lastMs=1000&waitMs=1" }],
  callLog: () => [{ path: `/v1/invocations/${ended}/log` }],
  removeVersion: async () => [
    { path: `/v1/functions/-/tile/versions/${(await bundle("a")).path.split("/").at(-1)}` },
  ],
  removeFunction: () => [{ path: "/v1/functions/-/tile" }],
  audit: () => [{}, { path: "/v1/audit?action=submit&limit=1" }],
  requeue: () => [{ body: { ids: ["999"] } }],
  hold: () => [{ body: { ids: [String(running), "999_7"], held: true } }],
  update: () => [{ body: { ids: [String(running), "999_7"], name: "sum", beginAtMs: null } }],
  cancel: () => [{ body: { ids: [String(running), "999"] } }],
  revokeTokens: () => [{ body: { user: "77" } }],
};
const names = Object.keys(requests) as RouteName[];

test("the inputs of a map count for their user's part of the disk, also after a restart", async () => {
  await ask("putBlob", await bundle("c"), bob);
  await ask("deploy", { body: await deployment("c") }, bob);
  const bytes = 30_000;
  const large = { contentType: "", base64: Buffer.alloc(bytes).toString("base64") };
  const { status } = await ask("map", { body: { ...mapped(), inputs: [large, large] } }, bob);
  expect(status).toBe(200);
  expect(site.parts.live.of(bob).documentBytes).toBeGreaterThan(2 * bytes);
  const recorded = await site.store.loadLive(0, 1_000);
  expect(recorded.at(-1)!.digest.inputBytes).toBe(2 * bytes);
});

test("a user names only contents of their own, whoever else has them", async () => {
  const theirs = await bundle("theirs");
  await ask("putBlob", theirs, operator);
  const { path } = theirs;
  const input = { contentType: "", blob: path.split("/").at(-1)!, bytes: 1 };
  const asked = () => called({ function: "0/tile", input });
  await ask("putBlob", await bundle("b"), operator);
  await ask("deploy", { body: await deployment("b", "all") }, operator);
  await expectError("getBlob", { path }, bob, "NOT_FOUND");
  await expectError("call", { body: asked() }, bob, "NOT_FOUND");
  await expectError(
    "map",
    { body: { ...mapped(), function: "0/tile", inputs: [input] } },
    bob,
    "NOT_FOUND",
  );
  await ask("putBlob", theirs, bob);
  expect((await ask("getBlob", { path }, bob)).status).toBe(200);
  const { status, body } = await ask("call", { body: asked() }, bob);
  expect(status).toBe(200);
  const { id } = body as { id: number };
  expect((await ask("input", { path: `/v1/invocations/${id}/input` }, bob)).body).toEqual({
    ...input,
    bytes: theirs.bytes.length,
  });
});

describe("each route", () => {
  test("has a good request here", () => {
    expect(names.toSorted()).toEqual(Object.keys(routes).toSorted());
  });

  test.each(names)("%s answers as it is declared", async (name) => {
    for (const each of await requests[name]()) {
      const { status, body } = await ask(name, each, operator);
      expect({ each, status, body }).toMatchObject({ status: 200 });
      expect(routes[name].answer.parse(body)).toEqual(body);
    }
  });

  const closed = names.filter((name) => routes[name].who !== "anybody");
  test.each(closed)("%s needs a token", async (name) => {
    await expectError(name, {}, null, "NOT_IDENTIFIED");
  });

  const reserved = names.filter((name) => routes[name].who === "operator");
  test.each(reserved)("%s is for operators", async (name) => {
    const [good] = await requests[name]();
    await expectError(name, good!, bob, "NOT_ALLOWED");
  });

  const withBody = names.filter((name) => (routes[name] satisfies Route as Route).body);
  test.each(withBody)("%s refuses a field that it does not know", async (name) => {
    const [{ path = routes[name].path } = {}] = await requests[name]();
    await expectError(name, { path, body: { unheardOf: 1 } }, operator, "BAD_REQUEST");
  });

  test.each(names)("%s refuses a parameter that it does not know", async (name) => {
    const [{ path = routes[name].path, body, bytes, type } = {}] = await requests[name]();
    const more = {
      path: `${path}${path.includes("?") ? "&" : "?"}unheardOf=1`,
      ...(body && { body }),
      ...(bytes && { bytes }),
    };
    await expectError(name, { ...more, ...(type && { type }) }, operator, "BAD_REQUEST");
  });

  test.each<[RouteName, () => Ask, number, string]>([
    ["list", () => ({ path: `/v1/invocations?user=${ada}` }), bob, "NOT_ALLOWED"],
    ["list", () => ({ path: "/v1/invocations?user=nobody.ever" }), operator, "NOT_FOUND"],
    ["detail", () => ({ path: `/v1/invocations/${ended}` }), bob, "NOT_ALLOWED"],
    ["detail", () => ({ path: "/v1/invocations/999" }), bob, "NOT_FOUND"],
    ["wait", () => ({ path: "/v1/invocations/999/wait" }), bob, "NOT_FOUND"],
    ["cancel", () => ({ body: { ids: [], user: String(ada) } }), bob, "NOT_ALLOWED"],
    ["input", () => ({ path: `/v1/invocations/${ended}/input` }), bob, "NOT_ALLOWED"],
    ["input", () => ({ path: `/v1/invocations/${ended}/input` }), operator, "NOT_FOUND"],
    ["outcomes", () => ({ path: `/v1/invocations/${ended}/outcomes` }), bob, "NOT_ALLOWED"],
    ["explain", () => ({ path: "/v1/explain/n9" }), bob, "NOT_FOUND"],
    ["holes", () => ({ path: "/v1/holes?node=n9" }), bob, "NOT_FOUND"],
    ["bill", () => ({ path: `/v1/bill?user=${ada}` }), bob, "NOT_ALLOWED"],
    ["revokeTokens", () => ({ body: { all: true } }), bob, "NOT_ALLOWED"],
    ["showFunction", () => ({ path: "/v1/functions/0/tile" }), bob, "NOT_FOUND"],
    ["bundle", () => ({ path: "/v1/functions/0/tile/versions/latest/bundle" }), bob, "NOT_FOUND"],
    ["removeFunction", () => ({ path: "/v1/functions/-/none" }), bob, "NOT_FOUND"],
    ["listFunctions", () => ({ path: "/v1/functions?user=nobody.ever" }), bob, "NOT_FOUND"],
    ["token", () => ({ body: { credential: "MUNGE:x" } }), operator, "NOT_IDENTIFIED"],
  ])("%s has its own error case %#", (name, make, uid, code) =>
    expectError(name, make(), uid, code),
  );
});

async function expectError(name: RouteName, request: Ask, uid: number | null, code: string) {
  const { status, body } = await ask(name, request, uid);
  const { error } = errorAnswer.parse(body);
  expect({ ...error, status }).toMatchObject({ code, status: statusOf(error.code) });
  expect(errorsOf(routes[name])).toContain(error.code);
}

describe("openapi.json", () => {
  const document = JSON.parse(openApiText());

  test("is served by gleanerd to everybody", async () => {
    expect((await ask("openApi", {}, null)).body).toEqual(document);
  });

  test("has every route and every error code with its status", () => {
    const declared = Object.values<Route>(routes).map(({ method, path }) =>
      `${method} ${path.replace(/:(\w+)/g, "{$1}")}`.toUpperCase(),
    );
    const listed = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`.toUpperCase()),
    );
    expect(listed.toSorted()).toEqual(declared.toSorted());
    for (const code of errorCodes)
      expect(document["x-error-codes"][code].status).toBe(statusOf(code));
  });

  test("refers only to existing schemas, and to each of them", () => {
    const refs = new Set([...openApiText().matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, at]) => at));
    const defined = ["schemas", "responses"].flatMap((kind) =>
      Object.keys(document.components[kind]).map((name) => `components/${kind}/${name}`),
    );
    const unusedCodes = /responses\/(CONFIG|SLURM|LAUNCH|PROTOCOL|UNREACHABLE)$/;
    expect([...refs].toSorted()).toEqual(
      defined.filter((name) => !unusedCodes.test(name)).toSorted(),
    );
  });
});
