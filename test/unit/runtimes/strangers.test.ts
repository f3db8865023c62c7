// A stranger who opens many connections to a leased worker, and a client from another address that
// has not proven itself yet.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { encodeDirectFrame } from "../../../src/wire/direct/frame.js";
import { encodeClientHello } from "../../../src/wire/direct/messages.js";
import { compileLibrary } from "../../support/runtimes/c-runtimes.js";
import { bundleOf } from "../../support/runtimes/runtime-process.js";
import { startServing, stopServing } from "../../support/runtimes/serving.js";

const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await stopServing();
});

const native = "unsigned handler(const void *in, unsigned size, void *out) { return 0; }";
const workerHello = 33;

function bundle(runtime: "node" | "python" | "native"): string {
  const files = {
    node: { "index.mjs": "export default (input) => input;" },
    python: { "main.py": "def handler(event): return event" },
    native: {},
  };
  const folder = bundleOf(files[runtime]);
  if (runtime === "native") compileLibrary(folder, native);
  return folder;
}

async function open(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  sockets.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

test.each(["node", "python", "native"] as const)(
  "leave a client of a worker in %s its place, and lose their own",
  async (runtime) => {
    const { endpoint } = await startServing(runtime, bundle(runtime));
    const client = await open(endpoint.port, "127.0.0.2");
    const first = await open(endpoint.port, "127.0.0.1");
    const firstClosed = once(first.resume(), "close");
    for (let each = 0; each < 300; each++) await open(endpoint.port, "127.0.0.1");
    await firstClosed;
    const nonce = randomBytes(32).toString("hex");
    const hello = encodeClientHello({ worker: endpoint.worker, nonce });
    client.write(encodeDirectFrame("clientHello", 0, hello));
    const closed = once(client, "close").then(() => ["the worker closed the connection"]);
    const [answer] = await Promise.race([once(client, "data"), closed]);
    expect(answer[4]).toBe(workerHello);
  },
  30_000,
);
