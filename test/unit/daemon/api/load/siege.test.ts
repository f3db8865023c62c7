// A server under attack: bodies that never end, many connections, waiting clients, slow readers.
// Others are answered meanwhile.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { nowMs } from "../../../../../src/clock.js";
import { Listings, livePieces } from "../../../../../src/daemon/api/listing.js";
import { createServer } from "../../../../../src/daemon/api/server/server.js";
import type { MungeAuthenticator } from "../../../../../src/daemon/auth/munge.js";
import { Secrets } from "../../../../../src/daemon/auth/tokens.js";
import { Waiters } from "../../../../../src/daemon/invocations/waiters.js";
import { closeApi } from "../../../../../src/daemon/startup/shutdown.js";
import type { LiveInvocations } from "../../../../../src/daemon/state/live.js";
import { invocationId } from "../../../../../src/model/ids.js";
import { exchange } from "../../../../../src/sdk/http/exchange.js";
import type { InvocationList } from "../../../../../src/wire/api/types.js";
import { stubAuthority } from "../../../../support/daemon/authority.js";
import { type ShiftedClock, shiftedClock } from "../../../../support/daemon/shifted-clock.js";
import { newState } from "../../../../support/daemon/state.js";
import { countTurns } from "../../../../support/daemon/turns.js";
import { invocation } from "../../../../support/nouns.js";

const digest = {
  functionKey: "f",
  checkpointIn: null,
  documentBytes: 10,
  inputBytes: 0,
  version: null,
  packedInputs: null,
};
let folder: string;
let server: FastifyInstance;
let secrets: Secrets;
let live: LiveInvocations;
let waiters: Waiters;
let sockets: Socket[];
let clock: ShiftedClock;

beforeEach(async () => {
  clock = shiftedClock();
  folder = mkdtempSync(join(tmpdir(), "gleaner-siege-"));
  secrets = Secrets.load(join(folder, "key"));
  const state = newState();
  live = state.live;
  waiters = new Waiters(live, state.events);
  sockets = [];
  const log = pino({ level: "silent" });
  const munge = {} as unknown as MungeAuthenticator;
  server = createServer({ ...stubAuthority, secrets, munge, operators: [], tokenMs: 1_000, log });
  const listings = new Listings();
  server.get("/list", async ({ caller }, reply) =>
    listings.send(caller, reply, livePieces(live, { uid: caller.uid }), 100_000),
  );
  server.get("/wait", async (_, reply) => {
    const closed = new AbortController();
    reply.raw.once("close", () => closed.abort());
    const awaited = { kind: "array", id: invocationId(1) } as const;
    await waiters.untilEnded(awaited, 60_000, closed.signal);
    return { ended: waiters.hasEnded(awaited) };
  });
  server.post("/large", { bodyLimit: 1_000_000 }, async () => ({}));
  await server.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.close();
  clock.restore();
  rmSync(folder, { recursive: true });
});

const port = () => (server.server.address() as AddressInfo).port;
const tokenOf = (uid: number) =>
  secrets.issueToken({ uid, gid: uid, user: `user${uid}` }, nowMs() + 60_000);
const get = (path: string, uid: number) =>
  exchange({ host: "127.0.0.1", port: port() }, { method: "GET", path, token: tokenOf(uid) });

async function open(): Promise<Socket> {
  const socket = connect(port(), "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

function fill(tasks: number, uid: number): void {
  for (let at = 0; at < tasks; at++) {
    const array = { arrayJobId: invocationId(1), arrayTaskId: at };
    const owner = { uid, gid: uid, user: `user${uid}` };
    live.add(
      { invocation: invocation({ id: invocationId(1 + at), owner, ...array }), digest },
      null,
    );
  }
}

const finishAll = () => {
  for (const each of [...live.singles()]) live.finish(each, { state: "CANCELLED", endedAtMs: 1 });
};

test("a body for the token route is refused by its announced length, before it arrives", async () => {
  const socket = await open();
  socket.write(
    "POST /v1/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 6000000\r\n\r\n{",
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 400 .*larger than 8192 bytes/s);
});

test("requests without a token have one turn of many, and no address has more than 1,000 waiting", async () => {
  const socket = await open();
  let answers = "";
  socket.on("data", (data: Buffer) => {
    answers += data.toString();
  });
  const statuses = () => [...answers.matchAll(/HTTP\/1.1 (\d{3})/g)].map(([, status]) => status);
  const until = async (count: number) => {
    while (statuses().length < count) await once(socket, "data");
    return statuses();
  };
  socket.write("GET /v1/challenge HTTP/1.1\r\n\r\n".repeat(1_500));
  await until(1);
  expect(await get("/list", 1_000)).toMatchObject({ invocations: [] });
  expect(statuses().length).toBeLessThan(1_000);
  expect(new Set(await until(1_500))).toEqual(new Set(["200", "429"]));
  expect(answers).toMatch(/HTTP\/1.1 429 [^{]*\r\nretry-after: 1\r\n/i);
});

test("the oldest connections without a token are closed to make room", async () => {
  const first = await open();
  let isClosed = false;
  first.once("close", () => {
    isClosed = true;
  });
  // On a slow machine its head is late before there is need of room: it is told so, and closed.
  first.resume();
  // Each is given half a second. They come a millisecond apart, so that the oldest of all that are
  // open has always had it, also once the first is closed.
  for (let at = 0; !isClosed && at < 5_000; at++) {
    clock.forward(1);
    await open();
  }
  expect(isClosed).toBe(true);
  expect(await get("/list", 1_000)).toMatchObject({ invocations: [] });
}, 30_000);

test("400 clients can wait for one array; all learn of its end, and closed ones are forgotten", async () => {
  fill(3, 1_000);
  const answers = Array.from({ length: 400 }, () => get("/wait", 1_000));
  const leaving = await open();
  leaving.write(`GET /wait HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenOf(1_000)}\r\n\r\n`);
  while (waiters.size < 401) await new Promise((resolve) => setImmediate(resolve));
  leaving.destroy();
  while (waiters.size > 400) await new Promise((resolve) => setImmediate(resolve));
  expect(await get("/list", 1_001)).toMatchObject({ invocations: [] });
  finishAll();
  expect(await Promise.all(answers)).toEqual(Array(400).fill({ ended: true }));
  expect(waiters.size).toBe(0);
});

test("a user's concurrent requests are limited with a sentence, and another user is still answered", async () => {
  fill(1, 1_000);
  let refused = 0;
  const answers = Array.from({ length: 600 }, () => get("/wait", 1_000).catch(() => refused++));
  while (waiters.size < 512 || refused < 88) await new Promise((resolve) => setImmediate(resolve));
  await expect(get("/list", 1_000)).rejects.toThrow(/^you have 512 requests running/);
  await get("/list", 1_001);
  finishAll();
  await Promise.all(answers);
  expect(refused).toBe(88);
});

test("clients that read nothing cost one piece of their list each, and delay nobody else", async () => {
  fill(20_000, 1_000);
  for (let at = 0; at < 50; at++) {
    const socket = await open();
    socket.pause();
    socket.write(
      `GET /list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenOf(1_000)}\r\n\r\n`,
    );
  }
  expect(await get("/list", 1_001)).toMatchObject({ invocations: [], truncated: false });
  let unsent = 0;
  for (const response of sockets) unsent += response.readableLength;
  expect(unsent).toBeLessThan(50 * 200_000);
});

test("a long list arrives whole and in order", async () => {
  fill(20_000, 1_000);
  const { invocations, truncated } = (await get("/list", 1_000)) as InvocationList;
  expect(invocations.map(({ id }) => id)).toEqual(
    Array.from({ length: 20_000 }, (_, at) => at + 1),
  );
  expect(truncated).toBe(false);
});

test("others have their turn after each piece of a list, however quickly it is read", async () => {
  fill(20_000, 1_000);
  const turns = countTurns();
  await get("/list", 1_000);
  expect(turns.stop()).toBeGreaterThanOrEqual(150);
});

test("large bodies are read one at a time for each user", async () => {
  const head = (uid: number, bytes: number) =>
    `POST /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${tokenOf(uid)}\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`;
  const body = JSON.stringify("x".repeat(100_000));
  const [slow, next, other] = [await open(), await open(), await open()];
  slow.write(head(1_000, body.length));
  // Sockets are read in any order: it has its turn before the others come.
  await once(server.server, "request");
  next.write(head(1_000, body.length) + body);
  other.write(head(1_001, body.length) + body);
  expect(await text(other)).toMatch(/^HTTP\/1.1 200/);
  expect(next.bytesRead).toBe(0);
  slow.write(body);
  expect(await text(slow)).toMatch(/^HTTP\/1.1 200/);
  expect(await text(next)).toMatch(/^HTTP\/1.1 200/);
});

test("the shutdown waits for no client", async () => {
  fill(1, 1_000);
  const waiting = get("/wait", 1_000).catch(({ code }) => code);
  const body = await open();
  body.write(
    `POST /large HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokenOf(1_001)}\r\nContent-Length: 9\r\n\r\n`,
  );
  while (waiters.size < 1) await new Promise((resolve) => setImmediate(resolve));
  const startedMs = nowMs();
  await closeApi(server, { close: async () => {} });
  expect(nowMs() - startedMs).toBeLessThan(5_000);
  expect(await waiting).toBe("UNREACHABLE");
});
