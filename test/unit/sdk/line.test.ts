// The connection over which a program's calls travel.

import { once } from "node:events";
import { createServer } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test } from "@jest/globals";
import type { ArrivedInput } from "../../../src/daemon/api/calls/arrived-input.js";
import type { CallServing } from "../../../src/daemon/api/calls/connection.js";
import { Carried } from "../../../src/daemon/carried/carried.js";
import { Keep } from "../../../src/daemon/carried/keeping.js";
import { CarriedMemory } from "../../../src/daemon/carried/memory.js";
import type { Payload } from "../../../src/model/call.js";
import { blobHash, invocationId } from "../../../src/model/ids.js";
import { BrokenOffError } from "../../../src/sdk/http/answer.js";
import type { LineRequest } from "../../../src/sdk/line/call-line.js";
import { Lines } from "../../../src/sdk/line/lines.js";
import { maxCarriedBytes } from "../../../src/wire/api/call-frames.js";
import { TestApi } from "../../support/daemon/api.js";
import { bodyOf } from "../../support/daemon/arrived.js";

type Answer = CallServing["answer"];

let api: TestApi | null = null;
let connections = 0;
afterEach(async () => {
  await api?.close();
  api = null;
});

const echo: Answer = async (_, { input }) => ({
  ...{ id: invocationId(7), invocation: null },
  answer: { kind: "result", payload: input as Payload },
});

/** With a token that is worth nothing at first, if wanted. */
async function lines(
  answer: Answer | undefined,
  firstToken?: string,
  memory?: CarriedMemory,
): Promise<Lines> {
  api = await TestApi.open({}, answer, memory);
  connections = 0;
  api.onConnection(() => connections++);
  let token = firstToken ?? api.tokenOf(1_000);
  return new Lines(
    { host: "127.0.0.1", port: api.port },
    {
      get: async () => token,
      renew: async () => {
        token = api!.tokenOf(1_001);
        return token;
      },
    },
  );
}

const request = (input: LineRequest["input"]): LineRequest => ({
  ...{ requestId: "b7a5c1de-3f0e-4b2a-9a57-0d8f2f4c6e11", function: "tile" },
  ...{ timeLimitMs: null, waitMs: 60_000, fresh: true, input },
});
const text = (value: string) => ({ contentType: "text/plain", text: value });
const carried = (body: Uint8Array) => ({
  ...{ contentType: "a/b", body },
  named: () => Promise.reject(new Error("its content is sent")),
});
const limits = { timeoutMs: 5_000 };

test("carries text, bytes and named contents, all calls on one connection", async () => {
  const line = await lines(echo);
  const blob = "0".repeat(64);
  const inputs = [
    ...[text("in"), { contentType: "application/octet-stream", base64: "AP8=" }],
    { contentType: "", blob, bytes: 0 },
  ];
  const answers = await Promise.all(inputs.map((input) => line.call(request(input), limits)));
  expect(answers.map((each) => each?.answer)).toEqual(
    inputs.map((payload) => ({ kind: "result", payload })),
  );
  expect(connections).toBe(1);
});

test("a large input and result travel with their call, or beside it if gleanerd has no room", async () => {
  const input = carried(Buffer.alloc(100_000, 1));
  const result = Buffer.alloc(200_000, 2);
  const stored = { contentType: "c/d", blob: blobHash("0".repeat(64)), bytes: result.length };
  let arrived: [string, Buffer] | null = null;
  const line = await lines(async (_caller, call) => {
    arrived = await bodyOf(call.input as ArrivedInput);
    const content = new Carried(stored, result, new Keep(() => new Promise(() => {})), () => {});
    const answer = { kind: "result", payload: stored } as const;
    return { id: invocationId(7), invocation: null, answer, content };
  });
  const answered = await line.call(request(input), limits);
  expect(arrived).toEqual(["a/b", input.body]);
  expect(answered).toMatchObject({ id: 7, answer: { payload: { contentType: "c/d" } } });
  expect(result.equals(answered!.content!)).toBe(true);
  // More than a single user may have at once.
  const huge = carried(Buffer.alloc(maxCarriedBytes, 1));
  await api!.close();
  const small = await lines(echo, undefined, new CarriedMemory(maxCarriedBytes));
  expect(await small.call(request(huge), limits)).toBeNull();
  expect(await small.call(request(text("in")), limits)).toMatchObject({ id: 7 });
});

test("shows another token if gleanerd rejects the first", async () => {
  const uids: number[] = [];
  const line = await lines(async (caller, call, gone) => {
    uids.push(caller.uid);
    return echo(caller, call, gone);
  }, "none");
  expect(await line.call(request(text("in")), limits)).toMatchObject({ id: 7 });
  expect(uids).toEqual([1_001]);
});

test("leaves calls to HTTP where gleanerd has no such connections", async () => {
  const line = await lines(undefined);
  expect(await line.call(request(text("in")), limits)).toBeNull();
});

test("a call whose connection breaks is told so, and the next one opens another", async () => {
  let asked = 0;
  const line = await lines(async (_caller, _call, gone) => {
    asked++;
    await once(gone, "abort");
    return { id: invocationId(8), invocation: null, answer: null };
  });
  const broken = line.call(request(text("in")), limits);
  while (asked === 0) await turn();
  api!.breakConnections();
  await expect(broken).rejects.toBeInstanceOf(BrokenOffError);
  const again = line.call(request(text("in")), { timeoutMs: 500 });
  await expect(again).rejects.toThrow(/no answer within 500 ms/);
  expect(connections).toBe(2);
});

test("a signal ends the wait for one call, which gleanerd hears", async () => {
  let left: boolean | null = null;
  const line = await lines(async (_caller, _call, gone) => {
    left = false;
    await once(gone, "abort");
    left = true;
    return { id: invocationId(8), invocation: null, answer: null };
  });
  const gone = new AbortController();
  const call = line.call(request(text("in")), { ...limits, signal: gone.signal });
  while (left === null) await turn();
  gone.abort(new Error("enough"));
  await expect(call).rejects.toThrow("enough");
  while (!left) await turn();
});

test("a signal ends the wait for a token that other calls wait for as well", async () => {
  const never = () => new Promise<string>(() => {});
  const line = new Lines({ host: "127.0.0.1", port: 1 }, { get: never, renew: never });
  const gone = new AbortController();
  const call = line.call(request(text("in")), { ...limits, signal: gone.signal });
  gone.abort(new Error("enough"));
  await expect(call).rejects.toThrow("enough");
});

test("a peer that is no gleanerd gives no endless answer", async () => {
  const server = createServer((socket) => socket.end("x".repeat(1_000_000)).on("error", () => {}));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as { port: number };
  const line = new Lines(
    { host: "127.0.0.1", port },
    { get: async () => "token", renew: async () => "token" },
  );
  expect(await line.call(request(text("in")), limits)).toBeNull();
  server.close();
});
