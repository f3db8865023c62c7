// glean-ask.node: what it returns for every kind of peer is what node's own sockets return. The
// peers are in another thread, because asking stops this one.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { loadAsk } from "../../../src/cli/ask/ask.js";
import { BrokenOffError } from "../../../src/sdk/http/answer.js";
import { exchange, exchangeWith } from "../../../src/sdk/http/exchange.js";
import type { Ask } from "../../../src/sdk/http/request.js";
import { makeAsk } from "../../support/glean.js";

const folder = mkdtempSync(join(tmpdir(), "glean-ask-"));
const host = "127.0.0.1";
let peers: Worker;
let port: number;
let ask: Ask;

/** Each path of a request names what the peer does with it. */
const peersProgram = `
const { createServer } = require("node:net");
const { parentPort } = require("node:worker_threads");
const head = (length) => "HTTP/1.0 200 OK\\r\\nContent-Type: application/json\\r\\n" + length + "\\r\\n";
const ofLength = (text) => head("Content-Length: " + text.length + "\\r\\n") + text;
const does = {
  "/whole": (socket) => socket.end(ofLength('{"is":"whole"}')),
  "/pieces": async (socket) => {
    for (const piece of ofLength('{"is":"in pieces"}')) {
      await new Promise((done) => socket.write(piece, done));
      await new Promise(setImmediate);
    }
    socket.end();
  },
  "/large": (socket) => socket.end(ofLength(JSON.stringify({ text: "x".repeat(3_000_000) }))),
  "/endless": (socket) => socket.end(head("") + '{"no":"length"}'),
  "/refuses": (socket) =>
    socket.end("HTTP/1.0 400 Bad Request\\r\\n\\r\\n" + '{"error":{"code":"BAD_REQUEST","message":"no such thing"}}'),
  "/closes": (socket) => socket.end(),
  "/resets": (socket) => socket.resetAndDestroy(),
  "/half": (socket) => socket.end(ofLength('{"is":"whole"}').slice(0, -3)),
  "/silent": () => {},
  "/other": (socket) => socket.end("220 a mail server\\r\\n"),
};
const server = createServer((socket) => {
  socket.on("error", () => {});
  let text = "";
  const isComplete = () => {
    const end = text.indexOf("\\r\\n\\r\\n");
    const length = /content-length: (\\d+)/i.exec(text);
    return end >= 0 && text.length >= end + 4 + Number(length?.[1] ?? 0);
  };
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
    if (text.startsWith("POST /impatient")) {
      socket.removeAllListeners("data").pause();
      socket.write(ofLength('{"is":"early"}'), () => socket.destroy());
    } else if (text.startsWith("POST /length") && isComplete())
      socket.end(ofLength(JSON.stringify({ length: text.length })));
    else if (isComplete()) does[text.split(" ")[1]](socket);
  });
});
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

beforeAll(async () => {
  makeAsk(folder);
  ask = loadAsk(folder)!;
  peers = new Worker(peersProgram, { eval: true });
  [port] = (await once(peers, "message")) as [number];
});
afterAll(async () => {
  await peers.terminate();
  rmSync(folder, { recursive: true });
});

/** The value, or what a user learns of the error. */
async function outcome(
  path: string,
  how: Ask | undefined,
  { at = { host, port }, timeoutMs = 30_000 } = {},
): Promise<unknown> {
  try {
    return await exchange({ ...at, ask: how }, { method: "GET", path, timeoutMs });
  } catch (error) {
    const { name, message, code } = error as Error & { code: string };
    const words = message.replace("(Error: ", "(");
    return { name, words, code, isBrokenOff: error instanceof BrokenOffError };
  }
}

test.each([
  "/whole",
  "/pieces",
  "/large",
  "/endless",
  "/refuses",
  "/closes",
  "/resets",
  "/half",
  "/other",
])("a peer that answers %s is heard as by node's sockets", async (path) => {
  const heard = await outcome(path, ask);
  expect(heard).toEqual(await outcome(path, undefined));
  if (path === "/whole") expect(heard).toEqual({ is: "whole" });
});

test("nobody who listens is told as by node's sockets", async () => {
  const nobody = { at: { host, port: 1 } };
  const told = await outcome("/whole", ask, nobody);
  expect(told).toEqual(await outcome("/whole", undefined, nobody));
  expect(told).toMatchObject({ code: "UNREACHABLE", isBrokenOff: false });
});

test("a peer that does not answer ends the wait after the request's time", async () => {
  // Whether the connection was there by then is up to the machine.
  const silence = {
    code: "UNREACHABLE",
    words: expect.stringContaining("no answer within 50 ms") as unknown,
  };
  for (const how of [ask, undefined])
    expect(await outcome("/silent", how, { timeoutMs: 50 })).toMatchObject(silence);
});

test("a complete answer counts although the peer does not end the connection in time", () => {
  // The limit is met before the end, and ends the wait as a time-out would.
  const request = "GET /whole HTTP/1.0\r\n\r\n";
  const { bytes } = ask({ host, port }, request, { timeoutMs: 30_000, maxAnswerBytes: 1_000 })!;
  const limits = { timeoutMs: 30_000, maxAnswerBytes: bytes.length };
  expect(ask({ host, port }, request, limits)!.bytes).toEqual(bytes);
});

test("an answer of more than the limit ends the connection", () => {
  const request = "GET /large HTTP/1.0\r\n\r\n";
  const limits = { timeoutMs: 30_000, maxAnswerBytes: 100_000 };
  expect(() => ask({ host, port }, request, limits)).toThrow("larger than 100000 bytes");
});

test("a long request arrives as a whole, and a peer may answer before it has read it", async () => {
  const body = { text: "ä€".repeat(1_000_000) };
  const post = (path: string) => exchange({ host, port, ask }, { method: "POST", path, body });
  const { length } = (await post("/length")) as { length: number };
  expect(length).toBeGreaterThan(5_000_000);
  expect(await post("/impatient")).toEqual({ is: "early" });
});

test("the address that was reached is returned", async () => {
  const { peer } = await exchangeWith({ host, port, ask }, { method: "GET", path: "/whole" });
  expect(peer).toEqual({ host, port });
});

test("a host of no single address is left to node's sockets", async () => {
  const limits = { timeoutMs: 30_000, maxAnswerBytes: 100 };
  expect(ask({ host: "x".repeat(300), port }, "", limits)).toBeNull();
});

test("without the addon, glean uses node's sockets", async () => {
  expect(loadAsk(join(folder, "none"))).toBeUndefined();
  expect(await outcome("/whole", undefined)).toEqual({ is: "whole" });
});
