// Requests of maximum length from glean's client are answered; longer ones get a sentence that says
// what to do.

import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { parseStates } from "../../../../src/cli/filters.js";
import { parseIds } from "../../../../src/cli/values.js";
import { nowMs } from "../../../../src/clock.js";
import { createServer } from "../../../../src/daemon/api/server/server.js";
import { shaped } from "../../../../src/daemon/api/server/shaped.js";
import type { MungeAuthenticator } from "../../../../src/daemon/auth/munge.js";
import { Secrets } from "../../../../src/daemon/auth/tokens.js";
import { exchange } from "../../../../src/sdk/http/exchange.js";
import { maxHeadBytes, maxNamedIds, maxWordLength } from "../../../../src/wire/api/limits.js";
import { whatParameter } from "../../../../src/wire/api/shapes/cluster.js";
import { invocationQuery } from "../../../../src/wire/api/shapes/invocations.js";
import { stubAuthority } from "../../../support/daemon/authority.js";

let folder: string;
let server: FastifyInstance;
let token: string;
const munge = {} as unknown as MungeAuthenticator;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-limits-"));
  const secrets = Secrets.load(join(folder, "key"));
  token = secrets.issueToken({ uid: 1_000, gid: 1_000, user: "a".repeat(64) }, nowMs() + 60_000);
  const log = pino({ level: "silent" });
  server = createServer({ ...stubAuthority, secrets, munge, operators: [], tokenMs: 1_000, log });
  server.get("/v1/invocations", async (request) => shaped(invocationQuery, request.query));
  server.post("/v1/invocations", async () => ({}));
  server.get("/v1/explain/:what", async (request) => shaped(whatParameter, request.params));
  await server.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const port = () => (server.server.address() as AddressInfo).port;
const get = (path: string) =>
  exchange({ host: "127.0.0.1", port: port() }, { method: "GET", path, token });
const listOf = (query: Record<string, string>) =>
  get(`/v1/invocations?${new URLSearchParams(query).toString()}`);

const longestIds = Array.from({ length: maxNamedIds }, (_, at) => `4294967295_${400_000_000 + at}`);

test("a list accepts the maximum number of ids, at their longest", async () => {
  const ids = parseIds([longestIds.join(",")]);
  const states = parseStates("all", "-s").own.join(",");
  const asked = await listOf({ user: "b".repeat(64), ids: ids.join(","), states, sinceMs: "1" });
  expect(asked).toMatchObject({ ids: longestIds });
});

test("repeated states count once", async () => {
  const states = parseStates(Array(50).fill("CD,F").join(","), "-s");
  expect(await listOf({ states: states.own.join(",") })).toMatchObject({
    states: ["COMPLETED", "FAILED"],
  });
});

test("a node name may have the maximum length", async () => {
  const what = "n".repeat(maxWordLength);
  expect(await get(`/v1/explain/${what}`)).toEqual({ what });
});

test("a list beyond the limit is refused", async () => {
  await expect(listOf({ ids: [...longestIds, "1"].join(",") })).rejects.toThrow(
    "ids: more than 1000 were given: give fewer at a time",
  );
  await expect(listOf({ ids: `${longestIds.join(",")},${longestIds[0]}` })).rejects.toThrow(
    /^ids: (longer than|more than) .* at a time$/,
  );
});

test("the client does not send more than a request's head may hold", async () => {
  await expect(listOf({ ids: "1,".repeat(maxHeadBytes) })).rejects.toMatchObject({
    code: "LIMIT_REACHED",
    message: expect.stringMatching(/^the head of the request has \d+ bytes .*: name fewer things/),
  });
});

test.each([
  ["GET /v1/info HTTP/1.1\r\nA: ".concat("a".repeat(maxHeadBytes)), 431, "name fewer things"],
  ["good morning\r\n\r\n", 400, "is not HTTP"],
  ["CONNECT other:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a proxy"],
  ["GET /v1/explain/%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, "path is invalid"],
  ["GET /v1/info HTTP/1.1\r\nConnection: close\r\n\r\n", 401, "has no token"],
  [
    "GET /v1/info HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 200-maybe\r\n\r\n",
    417,
    "omit the header Expect",
  ],
])("a malformed request gets an answer of the usual shape %#", async (bytes, status, sentence) => {
  const socket = connect(port(), "127.0.0.1");
  socket.write(bytes);
  const answer = await text(socket);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  const body = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))) as unknown;
  expect(body).toMatchObject({
    error: { code: expect.any(String), message: expect.stringContaining(sentence) },
  });
});

test("a body of another type is refused with the expected type", async () => {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/xml" };
  const answer = await fetch(`http://127.0.0.1:${port()}/v1/invocations`, {
    method: "POST",
    headers,
    body: "<xml>",
  });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain("send JSON, with Content-Type: application/json");
});

/** Where two readers may disagree about where a request ends, no part of it becomes another. */
test.each([
  "Content-Length: 4\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nContent-Length: 4",
  "Content-Length: 4\r\nContent-Length: 5",
  "Content-Length: 4\r\nContent-Length: 4",
  "Content-Length: +4",
  "Content-Length: 18446744073709551620",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding: chunked, identity",
  "A: b\r\n Content-Length: 4",
  "A: b\nContent-Length: 4",
])("a request of ambiguous length is refused, with all that follows it: %j", async (head) => {
  const socket = connect(port(), "127.0.0.1");
  const within = "0\r\n\r\nGET /v1/invocations HTTP/1.1\r\nHost: a\r\n\r\n";
  socket.write(`POST /v1/invocations HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n${within}`);
  const answer = await text(socket);
  expect(answer).toContain("is not HTTP");
  expect(answer.match(/HTTP\/1.1 /g)).toHaveLength(1);
});
