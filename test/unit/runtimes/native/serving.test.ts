// Strangers at a native worker that serves: without the key, with frames that lie, in crowds, and
// after its end. The worker runs under the sanitizers.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import {
  DirectDecoder,
  type DirectType,
  encodeDirectFrame,
  encodeDirectHead,
} from "../../../../src/wire/direct/frame.js";
import {
  decodeRefused,
  decodeWorkerHello,
  encodeClientHello,
  encodeClientProof,
} from "../../../../src/wire/direct/messages.js";
import { isProof, newNonce, proofOf } from "../../../../src/wire/direct/proofs.js";
import { encodeFields } from "../../../../src/wire/worker/fields.js";
import { encodeCallHead } from "../../../../src/wire/worker/messages.js";
import {
  compileLibrary,
  makeRuntimes,
  runtimesFolder,
} from "../../../support/runtimes/c-runtimes.js";
import { bundleOf } from "../../../support/runtimes/runtime-process.js";
import { type ServedWorker, startServing, stopServing } from "../../../support/runtimes/serving.js";

const echo = `#include <stdint.h>
#include <string.h>
#include <unistd.h>
uint32_t handler(const void *in, uint32_t size, void *out)
{
	if (size == 5 && memcmp(in, "sleep", 5) == 0)
		usleep(100000);
	memcpy(out, in, size);
	return size;
}`;

const worker = "7.1";
let served: ServedWorker;
const sockets: Socket[] = [];
beforeAll(makeRuntimes, 120_000);
beforeEach(async () => {
  const folder = bundleOf({});
  compileLibrary(folder, echo);
  const program = join(runtimesFolder, "asan/glean-runtime-native");
  served = await startServing([program], folder, { worker, maxClients: 2, ofiProvider: "tcp" });
}, 30_000);
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await stopServing();
});

interface Heard {
  readonly type: DirectType;
  readonly payload: Buffer;
}

class Stranger {
  readonly heard: Heard[] = [];
  readonly closed: Promise<unknown>;
  private wake: () => void = () => {};

  constructor(readonly socket: Socket) {
    sockets.push(socket);
    socket.on("error", () => {});
    this.closed = new Promise((settle) => {
      socket.once("close", settle).once("close", () => this.wake());
    });
    let payload: Buffer[] = [];
    let type: DirectType = "bye";
    const decoder = new DirectDecoder({
      onHead: (head) => {
        type = head.type;
        payload = [];
      },
      onPayload: (bytes) => void payload.push(Buffer.from(bytes)),
      onEnd: () => {
        this.heard.push({ type, payload: Buffer.concat(payload) });
        this.wake();
      },
    });
    socket.on("data", (data) => decoder.push(data));
  }

  /** The next frame, or null once the connection is closed. */
  async next(): Promise<Heard | null> {
    while (this.heard.length === 0 && !this.socket.destroyed)
      await new Promise<void>((settle) => {
        this.wake = settle;
      });
    return this.heard.shift() ?? null;
  }

  async refusal(): Promise<string> {
    const heard = await this.next();
    return heard?.type === "refused" ? decodeRefused(heard.payload).code : `${heard?.type}`;
  }
}

const arrive = async (): Promise<Stranger> => {
  const socket = connect(served.endpoint.port, "127.0.0.1");
  await once(socket, "connect");
  return new Stranger(socket);
};

interface Challenge {
  readonly worker: string;
  readonly clientNonce: string;
  readonly workerNonce: string;
}

/** Says hello, and hears the worker's nonce and proof. */
async function greet(stranger: Stranger, name = worker, clientNonce = newNonce()) {
  const hello = encodeClientHello({ worker: name, nonce: clientNonce });
  stranger.socket.write(encodeDirectFrame("clientHello", 0, hello));
  const { nonce, proof } = decodeWorkerHello((await stranger.next())!.payload);
  const challenge: Challenge = { worker: name, clientNonce, workerNonce: nonce };
  return { challenge, proof };
}

const say = (stranger: Stranger, proof: string) =>
  stranger.socket.write(encodeDirectFrame("clientProof", 0, encodeClientProof(proof)));

/** Says a proof under `key`, and hears what the worker's own was worth. */
async function prove(stranger: Stranger, key: Buffer, name = worker): Promise<boolean> {
  const { challenge, proof } = await greet(stranger, name);
  say(stranger, proofOf("client", key, challenge));
  return isProof(proof, "worker", key, challenge);
}

async function proven(): Promise<Stranger> {
  const client = await arrive();
  await prove(client, rightKey());
  expect((await client.next())!.type).toBe("accepted");
  return client;
}

const head = encodeCallHead({ deadlineMs: 60_000, attempt: 1, contentType: "", name: "" });

/** The frame of a call that says it has `bytes` of input. */
const callOf = (id: number, bytes: number, input: Uint8Array): Buffer =>
  Buffer.concat([encodeDirectHead("call", id, head, bytes), input]);

const rightKey = () => Buffer.from(served.endpoint.key, "hex");

test("refuses shared memory whose layout it does not know", async () => {
  const client = await proven();
  const fields = encodeFields({ ringBytes: 65_536, layout: 1 });
  client.socket.write(encodeDirectFrame("shmOpen", 0, fields));
  const refused = decodeRefused((await client.next())!.payload);
  expect(refused).toMatchObject({
    code: "PROTOCOL",
    reason: expect.stringMatching(/same release/),
  });
});

test("is found by its socket's name, which fills the address", async () => {
  const socket = connect({ path: `\0${served.endpoint.socket}` });
  await once(socket, "connect");
  const local = new Stranger(socket);
  expect(await prove(local, rightKey())).toBe(true);
  expect((await local.next())!.type).toBe("accepted");
  // Where a release of Node fills no names up, only the length tells.
  expect(served.endpoint.socket).toHaveLength(107);
});

test("refuses who does not prove the key, and does not say whose worker it is", async () => {
  const wrong = await arrive();
  expect(await prove(wrong, Buffer.alloc(32))).toBe(false);
  expect(await wrong.refusal()).toBe("NOT_PROVEN");
  await wrong.closed;
  const elsewhere = await arrive();
  expect(await prove(elsewhere, rightKey(), "8.1")).toBe(false);
  expect(await elsewhere.refusal()).toBe("NOT_PROVEN");
});

test.each([
  ["a call", "230000000500 0800 0100000000000000"],
  ["64 MiB of input", "000000040500 0800 0100000000000000"],
  ["a length that no frame has", "ffffffff0500 0000 0100000000000000"],
  ["flags", "000000002001 0000 0000000000000000"],
  ["a proof before the hello", "00000000220000000000000000000000"],
])("refuses %s from who has proven nothing", async (_what, hex) => {
  const stranger = await arrive();
  stranger.socket.write(Buffer.from(hex.replaceAll(" ", ""), "hex"));
  expect(await stranger.refusal()).toBe("PROTOCOL");
  await stranger.closed;
});

test("serves its clients while hundreds of strangers wait, and no more than it may", async () => {
  const crowd = await Promise.all(Array.from({ length: 300 }, arrive));
  await crowd[0]!.closed;
  const clients = [await arrive(), await arrive(), await arrive()];
  for (const client of clients) expect(await prove(client, rightKey())).toBe(true);
  expect((await clients[0]!.next())!.type).toBe("accepted");
  expect((await clients[1]!.next())!.type).toBe("accepted");
  expect(await clients[2]!.refusal()).toBe("FULL");
});

test("refuses a handshake that was recorded, altered or reflected", async () => {
  const recorded = await arrive();
  const { challenge } = await greet(recorded);
  const proof = proofOf("client", rightKey(), challenge);
  say(recorded, proof);
  expect((await recorded.next())!.type).toBe("accepted");

  const again = await arrive();
  await greet(again, worker, challenge.clientNonce);
  say(again, proof);
  expect(await again.refusal()).toBe("NOT_PROVEN");

  const altered = await arrive();
  const { challenge: itsOwn } = await greet(altered);
  const right = proofOf("client", rightKey(), itsOwn);
  say(
    altered,
    right.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
  );
  expect(await altered.refusal()).toBe("NOT_PROVEN");

  const mirror = await arrive();
  say(mirror, (await greet(mirror)).proof);
  expect(await mirror.refusal()).toBe("NOT_PROVEN");
});

test("answers others while a frame that lied about its length is never whole", async () => {
  const [liar, other] = [await proven(), await proven()];
  liar.socket.write(callOf(1, 1 << 20, Buffer.from("not a mebibyte")));
  other.socket.write(callOf(1, 5, Buffer.from("right")));
  expect(await other.next()).toEqual({ type: "result", payload: Buffer.from("right") });
  liar.socket.destroy();
  const next = await proven();
  next.socket.write(callOf(1, 4, Buffer.from("next")));
  expect((await next.next())!.payload.toString()).toBe("next");
});

test("answers others, and ends, while a client reads nothing", async () => {
  const [deaf, other] = [await proven(), await proven()];
  const input = Buffer.alloc(200_000, "x");
  deaf.socket.pause();
  for (let id = 1; id <= 64; id++) deaf.socket.write(callOf(id, input.length, input));
  other.socket.write(callOf(1, 5, Buffer.from("right")));
  expect((await other.next())!.payload.toString()).toBe("right");
  expect((await served.end()).kind).toBe("returned");
});

test("closes the socket of another user without a word", async () => {
  if (process.getuid!() !== 0) return;
  const script = `
import socket
stranger = socket.socket(socket.AF_UNIX)
stranger.connect("\\0${served.endpoint.socket}")
try:
    stranger.send(b"\\xff" * 16)
    print(stranger.recv(1))
except ConnectionError:
    print(b"")`;
  const stranger = execFile("python3", ["-c", script], { uid: 65_534 });
  expect(await text(stranger.stdout!)).toBe("b''\n");
});

test("tells its clients the end, and is an ordinary worker after it", async () => {
  const client = await proven();
  served.terminating(5_000, "a job needs the cores");
  expect((await client.next())!.type).toBe("terminating");
  const late = await arrive();
  await prove(late, rightKey());
  expect(await late.refusal()).toBe("ENDED");
  expect((await served.end()).kind).toBe("returned");
  expect((await client.next())!.type).toBe("ended");
  await client.closed;
  expect(served.usages.at(-1)!.clients).toBe(0);
  expect(await served.runtime.json([1, 2])).toEqual([1, 2]);
});

test("ends the connection of a proven client that sends what is no frame", async () => {
  const client = await proven();
  client.socket.write(Buffer.alloc(16, 0xff));
  expect(await client.refusal()).toBe("PROTOCOL");
  await client.closed;
});

/** A client that asks for libfabric; `changes` are what is wrong with it. */
async function overLibfabric(changes: Readonly<Record<string, string | undefined>>) {
  const client = await proven();
  // 127.0.0.1, port 1, where nobody listens.
  const address = "020000017f0000010000000000000000";
  const asked = { provider: "tcp", address, token: "0f".repeat(32), ...changes };
  client.socket.write(encodeDirectFrame("ofiOpen", 0, encodeFields(asked)));
  return client;
}

test("refuses what is no endpoint of libfabric, and serves on beside one that nobody answers", async () => {
  const wrongs = [
    { provider: "verbs" },
    { address: "zz" },
    { address: "02" },
    { token: undefined },
  ];
  for (const wrong of wrongs) {
    const client = await overLibfabric(wrong);
    expect({ wrong, refusal: await client.refusal() }).toEqual({ wrong, refusal: "PROTOCOL" });
    await client.closed;
  }
  const silent = await overLibfabric({});
  expect((await silent.next())!.type).toBe("ofiAccepted");
  const other = await proven();
  other.socket.write(callOf(1, 2, Buffer.from("ok")));
  const answer = await other.next();
  expect([answer!.type, String(answer!.payload)]).toEqual(["result", "ok"]);
  silent.socket.end();
  await silent.closed;
}, 30_000);

test("answers each of many long calls as it ends, and hears others and its executor meanwhile", async () => {
  const client = await proven();
  const calls = Array.from({ length: 100 }, (_, at) => callOf(at + 1, 5, Buffer.from("sleep")));
  client.socket.write(Buffer.concat(calls));
  expect((await client.next())!.type).toBe("result");
  await proven();
  const ended = served.end();
  const types: string[] = [];
  for (let heard = await client.next(); heard !== null; heard = await client.next())
    types.push(heard.type);
  // All have an answer, those that did not run have another one, and the last word is for all.
  expect(types).toHaveLength(100);
  expect(types.slice(-2)).toEqual(["ended", "ended"]);
  expect((await ended).kind).toBe("returned");
}, 30_000);
