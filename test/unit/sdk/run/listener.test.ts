// Where the client of a run listens: only whoever knows the key comes in, whatever else connects.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { claimBlock } from "../../../../scripts/cluster/ports.js";
import { errorCodeOf } from "../../../../src/model/errors.js";
import type { Arrival } from "../../../../src/sdk/run/handshake.js";
import { RunListener } from "../../../../src/sdk/run/listener.js";
import { encodeRunFrame, RunFrameDecoder } from "../../../../src/wire/run/frames.js";
import { runProof } from "../../../../src/wire/run/proof.js";
import { decodeFields, encodeFields } from "../../../../src/wire/worker/fields.js";
import { closed } from "../../../support/closed.js";

const key = randomBytes(32);
let listener: RunListener;
let arrivals: Arrival[];
let sockets: Socket[];

beforeEach(async () => {
  arrivals = [];
  sockets = [];
  listener = await RunListener.open({ ports: null, host: "127.0.0.1" }, (arrival) => {
    arrivals.push(arrival);
    arrival.socket.write(encodeRunFrame("accepted"));
  });
});
afterEach(() => {
  listener.close();
  for (const socket of sockets) socket.destroy();
  for (const { socket } of arrivals) socket.destroy();
});

async function dial(): Promise<Socket> {
  const socket = connect(listener.client.port, "127.0.0.1");
  socket.on("error", () => undefined);
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

const hello = (nonce: string, attempt = "42.1", version = "1") =>
  encodeRunFrame("hello", 0, encodeFields({ version, attempt, nonce }));
const aNonce = () => randomBytes(32).toString("hex");
const isCut = async (socket: Socket) => {
  await closed(socket);
  return true;
};

/** What comes until its end; one that is cut may be reset. */
async function* piecesOf(socket: Socket): AsyncGenerator<Buffer> {
  try {
    yield* socket;
  } catch (thrown) {
    expect(errorCodeOf(thrown)).toMatch(/^(ECONNRESET|EPIPE)$/);
  }
}

/** Answers the client as the node does; `change` falsifies the answer. */
async function shake(socket: Socket, change = (proof: string) => proof): Promise<string> {
  const node = aNonce();
  socket.write(hello(node));
  const decoder = new RunFrameDecoder();
  for await (const piece of piecesOf(socket))
    for (const { type, payload } of decoder.push(piece)) {
      const { nonce, proof } = decodeFields(payload);
      if (type !== "clientProof") return type;
      expect(proof).toBe(runProof(key, "client", "42.1", { node, client: nonce! }));
      const own = change(runProof(key, "node", "42.1", { node, client: nonce! }));
      socket.write(encodeRunFrame("nodeProof", 0, encodeFields({ proof: own })));
    }
  return "cut";
}

test("a node that knows the key is accepted, also if it comes before the key is known", async () => {
  const socket = await dial();
  const answer = shake(socket);
  listener.expect("42", key);
  expect(await answer).toBe("accepted");
  expect(arrivals.map(({ attempt }) => attempt)).toEqual([1]);
});

test("a wrong proof, another side's and a changed one are cut off without a word", async () => {
  listener.expect("42", key);
  const flipped = (proof: string) => `${proof.slice(0, -1)}${proof.endsWith("0") ? "1" : "0"}`;
  for (const change of [flipped, () => "", () => "0".repeat(64), (proof: string) => `${proof}0`])
    expect(await shake(await dial(), change)).toBe("cut");
  expect(arrivals).toEqual([]);
});

test("a recorded handshake is of no use again", async () => {
  listener.expect("42", key);
  let recorded = "";
  expect(
    await shake(await dial(), (proof) => {
      recorded = proof;
      return proof;
    }),
  ).toBe("accepted");
  expect(await shake(await dial(), () => recorded)).toBe("cut");
  expect(arrivals).toHaveLength(1);
});

test.each([
  ["garbage", randomBytes(64)],
  ["a length beyond the limit", Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0])],
  ["a handshake that is too long", encodeRunFrame("hello", 0, Buffer.alloc(1_025))],
  ["another invocation's attempt", hello(aNonce(), "43.1")],
  ["a name that is no attempt", hello(aNonce(), "42.x")],
  ["another version", hello(aNonce(), "42.1", "2")],
  ["a nonce that is none", hello("zz")],
  ["a proof before a hello", encodeRunFrame("nodeProof", 0, encodeFields({ proof: aNonce() }))],
  ["output before a proof", encodeRunFrame("output", 0, Buffer.from("x"))],
  ["a second hello", Buffer.concat([hello(aNonce()), hello(aNonce())])],
])("%s ends the connection", async (_what, bytes) => {
  listener.expect("42", key);
  const socket = await dial();
  socket.resume();
  socket.write(bytes);
  expect(await isCut(socket)).toBe(true);
  expect(arrivals).toEqual([]);
});

test("strangers that connect meanwhile do not cut off a node in its handshake", async () => {
  listener.expect("42", key);
  const node = await dial();
  for (let at = 0; at < 200; at++) await dial();
  expect(await shake(node)).toBe("accepted");
});

test("of many that say nothing some go, and a node still comes in", async () => {
  listener.expect("42", key);
  const silent: Socket[] = [];
  for (let at = 0; at < 300; at++) silent.push(await dial());
  await Promise.any(silent.map(isCut));
  const answers = Array.from({ length: 5 }, async () => shake(await dial()));
  expect(await Promise.all(answers)).toContain("accepted");
  expect(silent.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(256);
});

test("listens within the given ports, and says so if none is free", async () => {
  const { first, release } = await claimBlock(1);
  const open = () => RunListener.open({ ports: [first, first] }, () => undefined);
  const only = await open();
  expect(only.client.port).toBe(first);
  await expect(open()).rejects.toThrow(`the ports ${first} to ${first} (run.ports)`);
  only.close();
  release();
});
