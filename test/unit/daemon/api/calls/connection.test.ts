// A connection that carries many calls: what a client hears, and what a hostile one cannot do.

import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { nowMs, type Time, type Timer, useTime } from "../../../../../src/clock.js";
import { ArrivedInput } from "../../../../../src/daemon/api/calls/arrived-input.js";
import type { CallServing } from "../../../../../src/daemon/api/calls/connection.js";
import type { AskedCall } from "../../../../../src/daemon/api/calls/synchronous.js";
import { Carried } from "../../../../../src/daemon/carried/carried.js";
import { Keep } from "../../../../../src/daemon/carried/keeping.js";
import { CarriedMemory } from "../../../../../src/daemon/carried/memory.js";
import type { Payload } from "../../../../../src/model/call.js";
import { GleanerError } from "../../../../../src/model/errors.js";
import { blobHash, invocationId } from "../../../../../src/model/ids.js";
import {
  callFrame,
  callProtocol,
  maxAnswerFrameBytes,
  maxCallFrameBytes,
  maxCarriedBytes,
  readCallFrame,
} from "../../../../../src/wire/api/call-frames.js";
import { FrameReader, frame } from "../../../../../src/wire/frames.js";
import { closed } from "../../../../support/closed.js";
import { TestApi } from "../../../../support/daemon/api.js";
import { bodyOf } from "../../../../support/daemon/arrived.js";

interface Asked extends AskedCall {
  readonly uid: number;
  readonly gone: AbortSignal;
}

const mebibyte = 1024 * 1024;
/** A single user may have half of it. */
const mostBytes = 4 * mebibyte;

let api: TestApi;
let memory: CarriedMemory;
let answer: (asked: Asked) => ReturnType<CallServing["answer"]>;
const asked: Asked[] = [];
const sockets: Socket[] = [];

/** With the input as its result. */
const echo = async ({ input }: AskedCall) => {
  const result = { kind: "result", payload: echoed(input) } as const;
  return { id: invocationId(7), invocation: null, answer: result };
};

function echoed(input: AskedCall["input"]): Payload {
  if (input instanceof ArrivedInput)
    return { contentType: input.contentType, body: Buffer.alloc(0) };
  return "body" in input ? { ...input, body: Buffer.from(input.body) } : input;
}

beforeEach(async () => {
  answer = echo;
  asked.length = 0;
  memory = new CarriedMemory(mostBytes);
  const answers: CallServing["answer"] = (caller, call, gone) => {
    asked.push({ ...call, uid: caller.uid, gone });
    return answer(asked.at(-1)!);
  };
  api = await TestApi.open({}, answers, memory);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await api.close();
});

async function opened(head: string): Promise<Socket> {
  const socket = connect(api.port, "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(head);
  return socket;
}

const upgradeBy = (token: string) =>
  `GET /v1/calls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${callProtocol}\r\nAuthorization: Bearer ${token}\r\n\r\n`;

interface Heard {
  readonly head: {
    readonly call?: number;
    readonly error?: { readonly code: string };
    readonly aside?: boolean;
    readonly followsBytes?: number;
  };
  readonly payload: Buffer;
}

/** A client after its upgrade. */
async function client(token = api.tokenOf(1_000)) {
  const socket = await opened(upgradeBy(token));
  const [first] = (await once(socket, "data")) as [Buffer];
  expect(first.toString()).toMatch(/^HTTP\/1\.1 101 /);
  const reader = new FrameReader(maxAnswerFrameBytes);
  const heard: Heard[] = [];
  let announced: Heard["head"] | null = null;
  const take = (content: Buffer) => {
    const frame =
      announced === null
        ? (readCallFrame(content) as Heard)
        : { head: announced, payload: content };
    const isAnnounced = announced === null && frame.head.followsBytes !== undefined;
    announced = isAnnounced ? frame.head : null;
    if (!isAnnounced) heard.push(frame);
  };
  socket.on("data", (piece: Buffer) => {
    reader.push(piece);
    for (let each = reader.next(); each !== null; each = reader.next()) take(each);
  });
  const hears = async (count: number) => {
    while (heard.length < count && !socket.destroyed) await turn();
    return heard;
  };
  return { socket, heard, hears, isOver: () => closed(socket) };
}

const callOf = (call: number, change: object = {}) => ({
  ...{ call, requestId: randomUUID(), function: "tile", waitMs: 60_000, fresh: true },
  ...{ input: { contentType: "text/plain" }, ...change },
});

test("carries many calls at once, each as its token's user, and answers each when it ends", async () => {
  const ends: (() => void)[] = [];
  answer = async (call) => {
    await new Promise<void>((end) => ends.push(end));
    return echo(call);
  };
  const { socket, hears } = await client();
  for (const call of [1, 2]) socket.write(callFrame(callOf(call), Buffer.from(`input ${call}`)));
  while (ends.length < 2) await turn();
  ends[1]!();
  await hears(1);
  ends[0]!();
  const heard = await hears(2);
  expect(heard.map(({ head, payload }) => [head.call, payload.toString()])).toEqual([
    [2, "input 2"],
    [1, "input 1"],
  ]);
  expect(asked.map(({ uid, fresh, waitMs }) => [uid, fresh, waitMs])).toEqual([
    [1_000, true, 60_000],
    [1_000, true, 60_000],
  ]);
  expect(api.acts).toEqual([
    { action: "submit", subject: "7", detail: "tile" },
    { action: "submit", subject: "7", detail: "tile" },
  ]);
});

test("ends a call's wait when its client leaves, and all waits when the connection ends", async () => {
  answer = async (call) => {
    if (!call.gone.aborted) await once(call.gone, "abort");
    return { id: invocationId(8), invocation: null, answer: null };
  };
  const { socket, hears } = await client();
  for (const call of [1, 2]) socket.write(callFrame(callOf(call)));
  socket.write(callFrame({ leave: 1 }));
  expect((await hears(1))[0]!.head).toMatchObject({ call: 1, answer: null });
  while (asked.length < 2) await turn();
  expect(asked[1]!.gone.aborted).toBe(false);
  socket.destroy();
  while (!asked[1]!.gone.aborted) await turn();
});

test("answers a refused call with its error, and goes on", async () => {
  answer = async () => {
    throw new GleanerError("NOT_ALLOWED", "you may not run functions here");
  };
  const { socket, hears } = await client();
  socket.write(callFrame(callOf(1)));
  socket.write(callFrame(callOf(2, { function: 7 })));
  socket.write(callFrame(callOf(3, { waitMs: 10 ** 9 })));
  const heard = await hears(3);
  const codes = Object.fromEntries(heard.map(({ head }) => [head.call, head.error?.code]));
  expect(codes).toEqual({ 1: "NOT_ALLOWED", 2: "BAD_REQUEST", 3: "BAD_REQUEST" });
  expect(api.acts).toMatchObject([{ action: "refuse" }]);
  answer = echo;
  socket.write(callFrame(callOf(4), Buffer.from("x")));
  expect((await hears(4))[3]!.payload.toString()).toBe("x");
});

test.each([
  ["that is none", "no-token"],
  ["of another gleanerd", `${Buffer.from('{"uid":0}').toString("base64url")}.AAAA`],
])("gives no connection for a token %s", async (_, token) => {
  const socket = await opened(upgradeBy(token));
  const [refusal] = (await once(socket, "data")) as [Buffer];
  expect(refusal.toString()).toMatch(/^HTTP\/1\.1 401 [\s\S]*NOT_IDENTIFIED/);
});

test("a token that expires meanwhile is good for no further call", async () => {
  const validMs = 60_000;
  const { socket, hears } = await client(api.tokenOf(1_000, validMs));
  socket.write(callFrame(callOf(1)));
  expect((await hears(1))[0]!.head.error).toBeUndefined();
  const laterMs = nowMs() + validMs;
  const later: Partial<Time> = {
    nowMs: () => laterMs,
    monotonicMs: () => laterMs,
    setTimeout: (callback, delayMs) => globalThis.setTimeout(callback, delayMs),
    clearTimeout: (timer) => globalThis.clearTimeout(timer as NodeJS.Timeout),
  };
  const goBack = useTime(later as Time);
  try {
    socket.write(callFrame(callOf(2)));
    expect((await hears(2))[1]!.head.error?.code).toBe("NOT_IDENTIFIED");
  } finally {
    goBack();
  }
});

const garbage: Record<string, () => Buffer> = {
  "a frame over the limit": () => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(maxCallFrameBytes + 1);
    return head;
  },
  "a frame without a head": () => Buffer.from([0, 0, 0, 2, 1, 1]),
  "a head that is longer than its frame": () => Buffer.from([0, 0, 0, 4, 255, 255, 255, 255]),
  "a head that is no JSON": () => Buffer.from([0, 0, 0, 5, 0, 0, 0, 1, 123]),
  "a head that names no call": () => callFrame({}),
  "a head of null": () => callFrame(null as never),
  "a number that is none": () => callFrame({ ...callOf(1), call: "1" }),
  "a number that is in use": () => Buffer.concat([callFrame(callOf(1)), callFrame(callOf(1))]),
  "an input of its own frame that is short": () => callFrame(callOf(1, { followsBytes: 65_536 })),
  "an input of its own frame that is long": () =>
    callFrame(callOf(1, { followsBytes: maxCarriedBytes + 1 })),
  "an input of another size than was announced": () =>
    Buffer.concat([callFrame(callOf(1, { followsBytes: 70_000 })), frame(Buffer.alloc(69_999))]),
  "a leave of nothing": () => callFrame({ leave: "x" }),
};

test.each(Object.keys(garbage))("%s ends the connection, and no other", async (name) => {
  answer = () => new Promise(() => undefined);
  const other = await client();
  const { socket, hears, isOver } = await client();
  const over = isOver();
  socket.write(garbage[name]!());
  const heard = await hears(1);
  expect(heard[0]!.head.call).toBeUndefined();
  expect(["PROTOCOL", "BAD_REQUEST"]).toContain(heard[0]!.head.error?.code);
  await over;
  answer = echo;
  other.socket.write(callFrame(callOf(1)));
  expect(await other.hears(1)).toHaveLength(1);
});

/** A call whose input is a frame of its own. */
const carrying = (call: number, body: Buffer, change: object = {}) =>
  Buffer.concat([callFrame(callOf(call, { followsBytes: body.length, ...change })), frame(body)]);

const isFree = () => {
  const giveBack = memory.take(1_000, mostBytes / 2);
  giveBack?.();
  return giveBack !== null;
};

/** Resolves once all memory is given back. */
async function memoryIsFree(): Promise<void> {
  while (!isFree()) await turn();
}

/** A result in memory, which is written once `written` is called. */
function inMemory(uid: number, body: Buffer) {
  let written = () => {};
  const keep = new Keep(
    () =>
      new Promise<void>((resolve) => {
        written = resolve;
      }),
  );
  const stored = { contentType: "a/b", blob: blobHash("0".repeat(64)), bytes: body.length };
  return { written, content: new Carried(stored, body, keep, memory.take(uid, body.length)!) };
}

test("a large input is a frame behind its call, and a large result one behind its answer", async () => {
  const [input, result] = [randomBytes(mebibyte), randomBytes(mebibyte)];
  const { written, content } = inMemory(1_000, result);
  answer = async ({ input: arrived }) => {
    const [contentType, body] = await bodyOf(arrived as ArrivedInput);
    expect([contentType, input.equals(body)]).toEqual(["text/plain", true]);
    const said = { kind: "result", payload: content.payload } as const;
    return { id: invocationId(7), invocation: null, answer: said, content };
  };
  const { socket, hears } = await client();
  socket.write(carrying(1, input));
  const [heard] = await hears(1);
  expect(heard!.head).toMatchObject({
    ...{ call: 1, id: 7, followsBytes: mebibyte },
    answer: { kind: "result", payload: { contentType: "a/b" } },
  });
  expect(heard!.payload.equals(result)).toBe(true);
  expect(content.body).not.toBeNull();
  written();
  await memoryIsFree();
  answer = echo;
  socket.write(callFrame(callOf(2), Buffer.from("x")));
  expect((await hears(2))[1]!.payload.toString()).toBe("x");
});

test("a call whose input finds no memory is sent again with the input beside it", async () => {
  const taken = memory.take(1_000, mostBytes / 2)!;
  const { socket, hears } = await client();
  socket.write(carrying(1, randomBytes(mebibyte)));
  socket.write(callFrame(callOf(2), Buffer.from("x")));
  const heard = await hears(2);
  expect(heard.map(({ head }) => [head.call, head.aside])).toEqual([
    [1, true],
    [2, undefined],
  ]);
  expect(asked).toHaveLength(1);
  taken();
});

test("a call that waits holds nothing of its input once that is carried", async () => {
  const body = randomBytes(mebibyte);
  const arrived = new ArrivedInput(1_000, "a/b", body, () => {});
  expect(Object.values(arrived)).toContain(body);
  await bodyOf(arrived);
  expect(Object.values(arrived)).not.toContain(body);
});

test("a call has one input", async () => {
  const { socket, hears } = await client();
  const named = { input: { contentType: "a/b", blob: "0".repeat(64) } };
  socket.write(carrying(1, randomBytes(mebibyte), named));
  socket.write(callFrame(callOf(2), Buffer.from("x")));
  const heard = await hears(2);
  expect(heard.map(({ head }) => [head.call, head.error?.code])).toEqual([
    [1, "BAD_REQUEST"],
    [2, undefined],
  ]);
  expect(asked).toHaveLength(1);
});

test.each([
  [
    "goes on arriving",
    (timers: Set<() => void>) => {
      for (const late of timers) late();
    },
  ],
  ["is there after ten minutes", (_: unknown, wait: (ms: number) => void) => wait(600_001)],
] as const)("the connection ends unless an input %s", async (_what, happens) => {
  const { socket } = await client();
  const bytes = carrying(1, randomBytes(mebibyte));
  const timers = new Set<() => void>();
  let atMs = 0;
  const goBack = useTime({
    nowMs: () => atMs,
    monotonicMs: () => atMs,
    setTimeout: (callback: () => void) => {
      timers.add(callback);
      return Object.assign(callback, { unref: () => undefined });
    },
    clearTimeout: (timer: Timer) => void timers.delete(timer as never),
  } as unknown as Time);
  try {
    socket.write(bytes.subarray(0, 1_000));
    while (timers.size === 0) await turn();
    const [first] = timers;
    socket.write(bytes.subarray(1_000, 2_000));
    while (timers.has(first!)) await turn();
    expect(timers.size).toBe(1);
    happens(timers, (ms) => {
      atMs += ms;
      socket.write(bytes.subarray(2_000, 3_000));
    });
    await closed(socket);
  } finally {
    goBack();
  }
  expect(asked).toEqual([]);
  await memoryIsFree();
});

test("the input of a call that is refused is ignored", async () => {
  const { socket, hears } = await client();
  socket.write(carrying(1, randomBytes(mebibyte), { function: 7 }));
  socket.write(callFrame(callOf(2), Buffer.from("x")));
  const heard = await hears(2);
  expect(heard.map(({ head }) => [head.call, head.error?.code])).toEqual([
    [1, "BAD_REQUEST"],
    [2, undefined],
  ]);
  await memoryIsFree();
});

test("an input that breaks off, or that nothing was made of, leaves its memory free", async () => {
  const { socket, hears } = await client();
  socket.write(carrying(1, randomBytes(mebibyte)));
  await hears(1);
  await memoryIsFree();
  socket.write(carrying(2, randomBytes(mebibyte)).subarray(0, mebibyte));
  while (isFree()) await turn();
  socket.destroy();
  await memoryIsFree();
});

test("reads no more than 256 calls of a client before it has answered some", async () => {
  const ends: (() => void)[] = [];
  answer = async (call) => {
    await new Promise<void>((end) => ends.push(end));
    return echo(call);
  };
  const { socket, hears } = await client();
  const frames = Array.from({ length: 400 }, (_, call) => callFrame(callOf(call)));
  socket.write(Buffer.concat(frames));
  while (asked.length < 256) await turn();
  for (let count = 0; count < 50; count++) await turn();
  expect(asked).toHaveLength(256);
  while (asked.length < 400 || ends.length > 0) {
    for (const end of ends.splice(0)) end();
    await turn();
  }
  expect(await hears(400)).toHaveLength(400);
});

test("reads nothing of a client that leaves its answers unread", async () => {
  const { socket } = await client();
  socket.pause();
  const input = Buffer.alloc(64 * 1024);
  // More than both kernels keep.
  const sent = 800;
  for (let call = 0; call < sent; call++) socket.write(callFrame(callOf(call), input));
  let before = -1;
  while (asked.length > before) {
    before = asked.length;
    for (let count = 0; count < 200; count++) await turn();
  }
  expect(asked.length).toBeLessThan(sent);
});

test.each([
  ["/v1/nothing", "h2c"],
  ["/v1/nothing", callProtocol],
  ["/v1/calls", "h2c"],
])("a request of %s that asks for %s is a request like any other", async (path, protocol) => {
  const socket = await opened(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABk\r\nAuthorization: Bearer ${api.tokenOf(1_000)}\r\n\r\n`,
  );
  const [refusal] = (await once(socket, "data")) as [Buffer];
  expect(refusal.toString()).toMatch(/^HTTP\/1\.1 (404|405) /);
});
