// The Python runtime as the server of a lease: proofs, calls, limits, strangers and its end.

import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, describe, expect, test } from "@jest/globals";
import {
  DirectDecoder,
  type DirectType,
  encodeDirectFrame,
  encodeDirectHead,
} from "../../../../src/wire/direct/frame.js";
import {
  decodeAccepted,
  encodeClientHello,
  encodeClientProof,
} from "../../../../src/wire/direct/messages.js";
import { isProof, newNonce, proofOf } from "../../../../src/wire/direct/proofs.js";
import { decodeFields } from "../../../../src/wire/worker/fields.js";
import { type Frame, wholeFrames } from "../../../../src/wire/worker/framing.js";
import { encodeCallHead } from "../../../../src/wire/worker/messages.js";
import { compiledPython, pythonCommand } from "../../../support/runtimes/python-runtime.js";
import { type ServedWorker, startServing, stopServing } from "../../../support/runtimes/serving.js";

const code = {
  "f.py": `
import asyncio, os, time
def work(event):
    if isinstance(event, bytes):
        return event
    if event.get("throws"):
        raise ValueError("no")
    time.sleep(event.get("s", 0))
    return event["n"]
async def wait(event):
    await asyncio.sleep(event.get("s", 0))
    return event["n"]
`,
};
const compiled = compiledPython();
afterAll(async () => {
  await stopServing();
  rmSync(compiled.folder, { recursive: true });
});

/** One connection, whose frames are taken in turn. */
class Client {
  private readonly arrived: Frame<DirectType>[] = [];
  private waiting: (() => void) | null = null;
  isOver = false;

  constructor(readonly socket: Socket) {
    const decoder = new DirectDecoder(
      wholeFrames((frame: Frame<DirectType>) => {
        this.arrived.push(frame);
        this.waiting?.();
      }),
    );
    socket.on("data", (piece: Buffer) => decoder.push(piece));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isOver = true;
      this.waiting?.();
    });
  }

  /** null at the connection's end. */
  async next(): Promise<Frame<DirectType> | null> {
    while (this.arrived.length === 0 && !this.isOver)
      await new Promise<void>((resolve) => {
        this.waiting = resolve;
      });
    return this.arrived.shift() ?? null;
  }

  call(id: number, input: unknown): void {
    const isBytes = Buffer.isBuffer(input);
    const contentType = isBytes ? "application/octet-stream" : "application/json";
    const head = encodeCallHead({ deadlineMs: 0, attempt: 1, contentType, name: "1.1" });
    const payload = isBytes ? input : Buffer.from(JSON.stringify(input));
    this.socket.write(encodeDirectHead("call", id, head, payload.length));
    this.socket.write(payload);
  }
}

/** Proves the key, or what is given in its place; the worker's answer comes with it. */
async function enter({ endpoint }: ServedWorker, key = endpoint.key, path = "tcp") {
  const { worker, port, socket: name } = endpoint;
  const client = new Client(path === "tcp" ? connect(port, "127.0.0.1") : connect(`\0${name}`));
  const clientNonce = newNonce();
  const secret = Buffer.from(key, "hex");
  client.socket.write(
    encodeDirectFrame("clientHello", 0, encodeClientHello({ worker, nonce: clientNonce })),
  );
  const hello = await client.next();
  const { nonce = "", proof = "" } = decodeFields(hello!.payload);
  const over = { worker, clientNonce, workerNonce: nonce };
  const proves = isProof(proof, "worker", secret, over);
  const answer = encodeClientProof(proofOf("client", secret, over));
  client.socket.write(encodeDirectFrame("clientProof", 0, answer));
  return { client, proves, said: await client.next() };
}

async function many(client: Client, count: number) {
  const frames: (Frame<DirectType> | null)[] = [];
  while (frames.length < count) frames.push(await client.next());
  return frames;
}
const text = (frame: Frame<DirectType> | null) => `${frame?.type} ${frame?.id} ${frame?.payload}`;

describe.each([
  ["f.py:work", 1, 0, pythonCommand],
  ["f.py:work", 1, 0, compiled.command],
  ["f.py:work", 1, 5, compiled.command],
  ["f.py:work", 4, 0, pythonCommand],
  ["f.py:wait", 4, 0, pythonCommand],
])("%s, %d at once, hot for %d ms (%j)", (handler, concurrency, hotMs, command) => {
  test("serves over TCP and the unix socket, ends, and serves again", async () => {
    const served = await startServing(command, code, { handler, concurrency, hotMs });
    const { client, proves, said } = await enter(served);
    expect(proves).toBe(true);
    expect(decodeAccepted(said!.payload)).toEqual({
      ...{ concurrency, maxInFlight: 256, hotMs, runtime: "python" },
    });
    const { client: local } = await enter(served, served.endpoint.key, "unix");
    local.call(1, { n: 7 });
    expect(text(await local.next())).toBe("result 1 7");
    for (let id = 1; id <= 300; id++) client.call(id, { n: id });
    const answers = await many(client, 300);
    const results = answers.filter((each) => each?.type === "result");
    expect(results.every((each) => String(each?.payload) === String(each?.id))).toBe(true);
    expect(new Set(answers.map((each) => each?.type))).toEqual(
      results.length === 300 ? new Set(["result"]) : new Set(["result", "busy"]),
    );
    expect(results.length).toBeGreaterThanOrEqual(256);
    served.terminating(500, "a job comes");
    expect(decodeFields((await client.next())!.payload)).toEqual({
      inMs: "500",
      reason: "a job comes",
    });
    client.call(301, { n: 1 });
    expect(text(await client.next())).toBe("result 301 1");
    expect(await served.end()).toMatchObject({ kind: "returned" });
    expect([(await client.next())?.type, (await client.next())?.type]).toEqual(["ended", "bye"]);
    expect(await client.next()).toBeNull();
    expect(served.usages.at(0)).toMatchObject({ clients: 1, calls: 0 });
    const order = { worker: "1.2", key: served.endpoint.key, hotMs: 0, maxClients: 1, ports: "0" };
    const again = new Promise((onServing) => {
      served.runtime.channel.serve(order, { onServing, onUsage: () => undefined });
    });
    expect(await again).toEqual({ port: expect.any(Number), socket: expect.any(String) });
  });
});

test("answers calls that had begun, and says which it did not run", async () => {
  const served = await startServing("python", code, { handler: "f.py:work", concurrency: 2 });
  const { client } = await enter(served);
  for (const id of [1, 2, 3]) client.call(id, { n: id, s: 0.6 });
  client.call(4, { n: 1, throws: true });
  client.socket.write(encodeDirectFrame("cancel", 4, Buffer.alloc(0)));
  expect(decodeFields((await client.next())!.payload)).toMatchObject({ kind: "cancelled" });
  const ended = served.end();
  expect(text(await client.next())).toBe("ended 3 ");
  expect((await many(client, 2)).map(text).sort()).toEqual(["result 1 1", "result 2 2"]);
  await ended;
});

describe.each([
  ["in Python alone", pythonCommand],
  ["with the compiled part", compiled.command],
])("%s", (_, command) => {
  test("tells the handler's exception, and carries 5 MiB unharmed both ways", async () => {
    const served = await startServing(command, code, { handler: "f.py:work" });
    const { client } = await enter(served);
    client.call(1, { throws: true });
    const failed = decodeFields((await client.next())!.payload);
    expect(failed).toMatchObject({ kind: "exception", type: "ValueError", message: "no" });
    const large = Buffer.alloc(5 * 1024 * 1024, "large");
    client.call(2, large);
    expect((await client.next())!.payload.equals(large)).toBe(true);
    // One after another, of lengths around those that are read and sent in one piece.
    for (const [at, bytes] of [0, 1, 16_300, 16_384, 16_385, 70_000, 5].entries()) {
      client.call(3 + at, large.subarray(0, bytes));
      const answer = await client.next();
      expect([answer?.id, answer?.payload.length]).toEqual([3 + at, bytes]);
    }
  });

  test("answers others while a long call has come in part, and that once all of it has", async () => {
    const served = await startServing(command, code, { handler: "f.py:work" });
    const [{ client: slow }, { client }] = [await enter(served), await enter(served)];
    slow.call(1, { n: 1 });
    expect(text(await slow.next())).toBe("result 1 1");
    const input = Buffer.alloc(200_000, "long");
    const contentType = "application/octet-stream";
    const head = encodeCallHead({ deadlineMs: 0, attempt: 1, contentType, name: "1.1" });
    const whole = Buffer.concat([encodeDirectHead("call", 2, head, input.length), input]);
    let sent = 0;
    for (const end of [20, 100, 60_000, 199_000]) {
      slow.socket.write(whole.subarray(sent, end));
      sent = end;
      client.call(end, { n: end });
      expect(text(await client.next())).toBe(`result ${end} ${end}`);
    }
    slow.socket.write(whole.subarray(sent));
    expect((await slow.next())!.payload.equals(input)).toBe(true);
    // One that leaves in the middle of the next call harms nobody.
    slow.socket.end(encodeDirectHead("call", 3, head, input.length));
    expect(await slow.next()).toBeNull();
    client.call(200_000, { n: 9 });
    expect(text(await client.next())).toBe("result 200000 9");
  });

  test("refuses strangers, lies and frames out of turn, and goes on serving", async () => {
    const served = await startServing(command, code, { handler: "f.py:work", maxClients: 1 });
    const { client, said } = await enter(served, "00".repeat(32));
    expect(decodeFields(said!.payload)).toMatchObject({ code: "NOT_PROVEN" });
    expect(await client.next()).toBeNull();
    const port = served.endpoint.port;
    const head = encodeCallHead({ deadlineMs: 0, attempt: 1, contentType: "", name: "1" });
    const early = encodeDirectHead("call", 1, head, 64 * 1024 * 1024);
    for (const bytes of [early, Buffer.alloc(16, 255), Buffer.from("GET / HTTP/1.1\r\n\r\n")]) {
      const stranger = new Client(connect(port, "127.0.0.1"));
      stranger.socket.write(bytes);
      expect(await stranger.next()).toBeNull();
    }
    const first = await enter(served);
    expect(decodeFields((await enter(served)).said!.payload)).toMatchObject({ code: "FULL" });
    first.client.call(1, { n: 1 });
    expect(text(await first.client.next())).toBe("result 1 1");
    first.client.call(1, { n: 1 });
    expect(await first.client.next()).toBeNull();
  });

  test("is not held up by a client that stops reading", async () => {
    const served = await startServing(command, code, { handler: "f.py:work" });
    const [{ client: lazy }, { client }] = [await enter(served), await enter(served)];
    lazy.socket.pause();
    for (let id = 1; id <= 20; id++) lazy.call(id, Buffer.alloc(1024 * 1024));
    client.call(1, { n: 1 });
    expect(text(await client.next())).toBe("result 1 1");
    lazy.socket.resume();
    expect((await many(lazy, 20)).every((each) => each?.payload.length === 1024 * 1024)).toBe(true);
    lazy.socket.destroy();
    await once(lazy.socket, "close");
  });
});
