// Acceptor: gleanerd serves the connections that the program passes on, and accepts by itself
// without it.

import { once } from "node:events";
import { createServer, get, type Server } from "node:http";
import {
  type AddressInfo,
  connect,
  createServer as createNetServer,
  type Server as NetServer,
} from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Acceptor } from "../../../../../src/daemon/api/server/acceptor.js";
import { makeAcceptor } from "../../../../support/daemon/acceptor.js";

const clients = 64;
const warnings: string[] = [];
const log = pino({ level: "warn" }, { write: (line) => void warnings.push(line) });
let server: Server;
let acceptor: Acceptor;

beforeEach(() => {
  warnings.length = 0;
  server = createServer((_request, response) => response.end("served"));
});

afterEach(async () => {
  const closed = server.listening ? once(server, "close") : null;
  server.close();
  await Promise.all([closed, acceptor.close()]);
});

async function listening(listener: NetServer): Promise<number> {
  listener.listen(0, "127.0.0.1", 100);
  await once(listener, "listening");
  return (listener.address() as AddressInfo).port;
}

/** Serves connections that only the program accepts; returns the port. */
async function onlyByProgram(): Promise<number> {
  const listener = createNetServer();
  const port = await listening(listener);
  const withHandle = server as unknown as { _handle: unknown };
  withHandle._handle = (listener as unknown as { _handle: unknown })._handle;
  acceptor = new Acceptor(makeAcceptor("all"), log);
  acceptor.serve(server);
  withHandle._handle = null;
  listener.close();
  return port;
}

async function answer(port: number): Promise<string> {
  const [response] = await once(get({ port, host: "127.0.0.1", agent: false }), "response");
  return text(response);
}

test("each connection that the program passes on is served", async () => {
  const port = await onlyByProgram();
  const answers = await Promise.all(Array.from({ length: clients }, () => answer(port)));
  expect(new Set(answers)).toEqual(new Set(["served"]));
  expect(warnings).toEqual([]);
});

test("a client may end its side before it has the answer", async () => {
  const port = await onlyByProgram();
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.end("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(await text(socket)).toMatch(/served$/);
});

test("beyond the server's most connections, those that come are closed", async () => {
  server.maxConnections = 1;
  const port = await onlyByProgram();
  const first = connect(port, "127.0.0.1");
  first.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(first, "data");
  await expect(answer(port)).rejects.toThrow();
  first.destroy();
});

test.each([
  "/nonexistent/glean-acceptor",
  // As without memory for another process, its start throws.
  "/etc/passwd/glean-acceptor",
])(
  "without the program (%s) connections are accepted one by one, which is logged",
  async (program) => {
    const port = await listening(server);
    acceptor = new Acceptor(program, log);
    acceptor.serve(server);
    expect(await answer(port)).toBe("served");
    expect(warnings.join()).toContain("accepts them one by one");
  },
);

test("close ends the program, and resolves when its connections have ended", async () => {
  const port = await onlyByProgram();
  const sockets = Array.from({ length: 2 }, () => connect(port, "127.0.0.1"));
  for (const socket of sockets) {
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
  }
  let hasClosed = false;
  const closed = acceptor.close().then(() => {
    hasClosed = true;
  });
  const [first, second] = sockets;
  first!.destroy();
  await once(first!, "close");
  // One more exchange: the server has seen the first one's end.
  second!.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(second!, "data");
  expect(hasClosed).toBe(false);
  second!.destroy();
  await closed;
});
