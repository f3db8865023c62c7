// Strangers who open many connections to a leased worker, and clients that have not proven
// themselves yet: one from another address, and the owner's from the same.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { DirectLine } from "../../../src/sdk/leases/direct-line.js";
import type { LeaseEndpoint } from "../../../src/wire/api/types.js";
import { encodeDirectFrame } from "../../../src/wire/direct/frame.js";
import { encodeClientHello } from "../../../src/wire/direct/messages.js";
import { closed } from "../../support/closed.js";
import { compileLibrary } from "../../support/runtimes/c-runtimes.js";
import { bundleOf } from "../../support/runtimes/runtime-process.js";
import { startServing, stopServing } from "../../support/runtimes/serving.js";

const sockets: Socket[] = [];
const strangers: ChildProcess[] = [];
afterEach(async () => {
  for (const stranger of strangers.splice(0)) stranger.kill("SIGKILL");
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
    const firstClosed = closed(first.resume());
    for (let each = 0; each < 300; each++) await open(endpoint.port, "127.0.0.1");
    await firstClosed;
    const nonce = randomBytes(32).toString("hex");
    const hello = encodeClientHello({ worker: endpoint.worker, nonce });
    client.write(encodeDirectFrame("clientHello", 0, hello));
    const over = closed(client).then(() => ["the worker closed the connection"]);
    const [answer] = await Promise.race([once(client, "data"), over]);
    expect(answer[4]).toBe(workerHello);
  },
  30_000,
);

/** Opens connections all the time and keeps the last 400, as another user if it may. */
const flood = `
const { connect } = require("node:net");
if (process.getuid() === 0) process.setuid(65_534);
const kept = [];
const open = () => {
  const socket = connect(JSON.parse(process.argv[1]));
  const next = () => {
    kept.push(socket);
    if (kept.length > 400) kept.shift().destroy();
    if (kept.length === 400) console.log("full");
    setImmediate(open);
  };
  socket.once("connect", next).once("error", () => setImmediate(open)).on("error", () => {});
};
for (let each = 0; each < 8; each++) open();
`;

const proven = (endpoint: LeaseEndpoint, where: NetConnectOpts): Promise<boolean> =>
  new Promise((resolve) => {
    const line = new DirectLine(endpoint, where, {
      onReady: () => {
        resolve(true);
        line.bye();
      },
      onRoom: () => {},
      onClosed: () => resolve(false),
    });
  });

test.each(
  (["node", "python", "native"] as const).flatMap((runtime) => [
    [runtime, "TCP"] as const,
    [runtime, "the unix socket"] as const,
  ]),
)(
  "who flood a worker in %s over %s keep its owner's client out for a moment at most",
  async (runtime, over) => {
    const { endpoint } = await startServing(runtime, bundle(runtime));
    const tcp = { host: "127.0.0.1", port: endpoint.port };
    const where = over === "TCP" ? tcp : { path: `\0${endpoint.socket}` };
    const stranger = spawn(process.execPath, ["-e", flood, JSON.stringify(where)]);
    strangers.push(stranger);
    await once(stranger.stdout, "data");
    const lease = { ...endpoint, node: "n1", terminatingInMs: null } as unknown as LeaseEndpoint;
    // How many tries one proof takes depends on the machine; without any the test never ends.
    for (let proofs = 0; proofs < 10; ) if (await proven(lease, where)) proofs++;
  },
  60_000,
);
