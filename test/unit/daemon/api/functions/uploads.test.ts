// Contents that are sent: read as they arrive, refused before they are sent where possible, and
// nothing is left of one that breaks off.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { maxBlobBytes } from "../../../../../src/bundle/limits.js";
import { ada, functionSite } from "../../../../support/daemon/function-site.js";

const site = functionSite();
const hashOf = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const put = (bytes: Buffer, uid: number = ada, hash = hashOf(bytes)) =>
  site.api.send("PUT", `/v1/blobs/${hash}`, uid, bytes);

/** A connection that has sent the head of an upload. */
async function begun(headers: readonly string[], hash = "0".repeat(64)): Promise<Socket> {
  const socket = connect(site.api.port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const head = [
    `PUT /v1/blobs/${hash} HTTP/1.1`,
    "Host: x",
    `Authorization: Bearer ${site.api.tokenOf(ada)}`,
    "Connection: close",
    ...headers,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  return socket;
}

async function heard(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

describe("a content", () => {
  test.each([0, 1, 300_000])("of %d bytes is kept under its hash", async (size) => {
    const bytes = Buffer.alloc(size, "x");
    const answer = { sha256: hashOf(bytes), bytes: size };
    expect((await put(bytes)).body).toEqual({ ...answer, isNew: true });
    expect((await put(bytes)).body).toEqual({ ...answer, isNew: false });
    expect([...site.files.kept.values()]).toEqual([bytes]);
  });

  test("with another hash is refused, and leaves nothing", async () => {
    const answer = await put(Buffer.from("abc"), ada, "0".repeat(64));
    expect(answer).toMatchObject({ status: 400, body: { error: { code: "BAD_REQUEST" } } });
    expect(answer.body.error.message).toMatch(/^the content that arrived has the hash ba7816bf/);
    expect([site.files.kept.size, site.files.unfinished]).toEqual([0, 0]);
  });

  test("whose name is no hash is refused", async () => {
    expect((await put(Buffer.from("a"), ada, "..%2f..%2fetc")).body.error.message).toMatch(
      /^sha256: must be a SHA-256/,
    );
  });

  test("of another type than JSON is accepted, as curl sends it", async () => {
    const bytes = Buffer.from('{"a":1}');
    const socket = await begun(
      ["Content-Type: application/json", `Content-Length: ${bytes.length}`],
      hashOf(bytes),
    );
    socket.write(bytes);
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("before it is sent", () => {
  test("a client that waits is told to go on", async () => {
    const bytes = Buffer.alloc(200_000, "x");
    const headers = ["Expect: 100-continue", `Content-Length: ${bytes.length}`];
    const socket = await begun(headers, hashOf(bytes));
    const [first] = await once(socket, "data");
    expect(String(first)).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write(bytes);
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test.each([
    [[`Content-Length: ${maxBlobBytes + 1}`], /has 67108865 bytes and the limit is 67108864/],
    [["Transfer-Encoding: chunked"], /send it with Content-Length, not in chunks/],
  ])("one that cannot be kept is refused: %j", async (headers, message) => {
    const answer = await heard(await begun(["Expect: 100-continue", ...headers]));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toMatch(message);
  });

  test("a user without room for it is refused", async () => {
    site.blobs
      .write(ada, { sha256: "1" as never, bytes: 190 * 1024 * 1024 }, never())
      .catch(() => {});
    const headers = ["Expect: 100-continue", `Content-Length: ${20 * 1024 * 1024}`];
    const answer = await heard(await begun(headers));
    expect(answer).toMatch(/^HTTP\/1\.1 429 /);
    expect(answer).toMatch(/the limit for one user is/);
  });

  async function* never(): AsyncGenerator<Uint8Array> {
    yield await new Promise<Uint8Array>(() => undefined);
  }

  test("other routes let such a client go on, too", async () => {
    const body = JSON.stringify({ unheardOf: 1 });
    const socket = connect(site.api.port, "127.0.0.1");
    const head = [
      "POST /v1/functions HTTP/1.1",
      "Host: x",
      `Authorization: Bearer ${site.api.tokenOf(ada)}`,
      "Connection: close",
      "Expect: 100-continue",
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    const [first] = await once(socket, "data");
    expect(String(first)).toMatch(/^HTTP\/1\.1 100 /);
    socket.write(body);
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

test("a content that breaks off leaves nothing, and its room is free again", async () => {
  const bytes = 150 * 1024 * 1024;
  const large = Math.min(bytes, maxBlobBytes);
  for (let round = 0; round < 5; round++) {
    const socket = await begun(["Expect: 100-continue", `Content-Length: ${large}`]);
    await once(socket, "data");
    socket.write("x".repeat(100_000));
    const closed = once(socket, "close");
    socket.destroy();
    await closed;
  }
  expect((await put(Buffer.from("abc"))).status).toBe(200);
  expect(site.files.unfinished).toBe(0);
});

test("a user's fifth content waits until one of the others has been read", async () => {
  const bytes = Buffer.alloc(100_000, "x");
  const headers = ["Expect: 100-continue", `Content-Length: ${bytes.length}`];
  const open: Socket[] = [];
  for (let at = 0; at < 4; at++) {
    const socket = await begun(headers, hashOf(bytes));
    await once(socket, "data");
    open.push(socket);
  }
  const fifth = await begun(headers, hashOf(bytes));
  let isTold = false;
  const told = once(fifth, "data").then(() => {
    isTold = true;
  });
  // Another request of the same user is answered meanwhile, after the fifth has arrived.
  expect((await put(Buffer.from("small"))).status).toBe(200);
  expect(isTold).toBe(false);
  open[0]!.write(bytes);
  expect(await heard(open[0]!)).toMatch(/^HTTP\/1\.1 200 /);
  await told;
  for (const socket of [...open, fifth]) socket.destroy();
});
