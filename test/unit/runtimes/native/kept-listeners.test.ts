// A native worker between two leases: it goes on to listen, so clients of the next lease may come
// before it is told to serve. The worker runs under the sanitizers.

import { once } from "node:events";
import { connect, createServer, type NetConnectOpts, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { claimBlock } from "../../../../scripts/cluster/ports.js";
import { DirectLine } from "../../../../src/sdk/leases/direct-line.js";
import type { Serving } from "../../../../src/wire/worker/serving.js";
import {
  compileLibrary,
  makeRuntimes,
  runtimesFolder,
} from "../../../support/runtimes/c-runtimes.js";
import { bundleOf } from "../../../support/runtimes/runtime-process.js";
import { type ServedWorker, startServing, stopServing } from "../../../support/runtimes/serving.js";

/** Asked to, it closes all descriptors but those that it was born with. */
const closing = `#include <stdint.h>
#include <string.h>
#include <unistd.h>
uint32_t handler(const void *in, uint32_t size, void *out)
{
	(void)out;
	for (int fd = 4; size == 5 && memcmp(in, "close", 5) == 0 && fd < 256; fd++)
		close(fd);
	return 0;
}`;
const key = "0e".repeat(32);
const next = { worker: "8.1", key, hotMs: 0, maxClients: 64 };

let folder: string;
const sockets: Socket[] = [];
const lines: DirectLine[] = [];
beforeAll(makeRuntimes, 120_000);
beforeEach(() => {
  folder = bundleOf({});
  compileLibrary(folder, closing);
});
afterEach(async () => {
  for (const line of lines.splice(0)) line.close("the test is over");
  for (const socket of sockets.splice(0)) socket.destroy();
  await stopServing();
});

/** A worker whose first lease has ended. */
async function servedOnce(ports = "0"): Promise<ServedWorker> {
  const program = join(runtimesFolder, "asan/glean-runtime-native");
  const served = await startServing([program], folder, { worker: "7.1", ports });
  expect((await served.end()).kind).toBe("returned");
  return served;
}

/** Tells it to serve another lease; resolves once it says that it does. */
const serveAgain = ({ runtime }: ServedWorker, ports = "0"): Promise<Serving> =>
  new Promise((onServing) => {
    runtime.channel.serve({ ...next, ports }, { onServing, onUsage: () => {} });
  });

const placesOf = ({ port, socket }: Serving): NetConnectOpts[] => [
  { host: "127.0.0.1", port },
  { path: `\0${socket}` },
];

async function arrive(where: NetConnectOpts): Promise<Socket> {
  const socket = connect(where);
  sockets.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** A client of the next lease; resolves once the worker has proven its key and accepted it. */
const client = (where: NetConnectOpts): Promise<DirectLine> =>
  new Promise((resolve, reject) => {
    const endpoint = { worker: next.worker, node: "n1", key } as never;
    const line: DirectLine = new DirectLine(endpoint, where, {
      onReady: () => resolve(line),
      onRoom: () => {},
      onClosed: (reason) => reject(new Error(reason)),
    });
    lines.push(line);
  });

test("clients that come before it is told to serve are served once it is, in the same places", async () => {
  const served = await servedOnce();
  const { endpoint } = served;
  expect(endpoint.keeps).toBe(true);
  const early = placesOf(endpoint).map(client);
  const { port, socket } = endpoint;
  expect(await serveAgain(served)).toEqual({ port, socket, keeps: true });
  for (const line of await Promise.all(early)) expect(line.isReady).toBe(true);
});

test("strangers that waited meanwhile keep no client away", async () => {
  const served = await servedOnce();
  const crowd = Array.from({ length: 200 }, (_, at) => placesOf(served.endpoint)[at % 2]!);
  await Promise.all(crowd.map(arrive));
  const early = placesOf(served.endpoint).map(client);
  await serveAgain(served);
  for (const line of await Promise.all(early)) expect(line.isReady).toBe(true);
});

test("a client that comes for a lease that is over learns it from the next one", async () => {
  const served = await servedOnce();
  const late = Promise.allSettled(placesOf(served.endpoint).map(client));
  const { channel } = served.runtime;
  const quiet = { onServing: () => {}, onUsage: () => {} };
  channel.serve({ ...next, worker: "9.1", ports: "0" }, quiet);
  const reason = expect.objectContaining({
    message: expect.stringContaining("does not know the lease's key"),
  });
  expect(await late).toEqual([
    { status: "rejected", reason },
    { status: "rejected", reason },
  ]);
});

test("a function that closes its listeners has it listen elsewhere, and nobody else's are taken", async () => {
  const served = await servedOnce();
  const input = Buffer.from("close");
  expect((await served.runtime.call({ input })).kind).toBe("returned");
  const stranger = createServer().listen(served.endpoint.port);
  await once(stranger, "listening");
  try {
    const at = await serveAgain(served);
    expect(at.port).not.toBe(served.endpoint.port);
    expect(at.socket).not.toBe(served.endpoint.socket);
    for (const where of placesOf(at)) expect((await client(where)).isReady).toBe(true);
  } finally {
    stranger.close();
  }
});

test("one of a range of ports leaves its port to other workers", async () => {
  const { first: port, release } = await claimBlock(1);
  const served = await servedOnce(`${port}-${port}`);
  expect(served.endpoint.keeps).toBeUndefined();
  for (const where of placesOf(served.endpoint)) {
    const [error] = await once(connect(where), "error");
    expect((error as NodeJS.ErrnoException).code).toBe("ECONNREFUSED");
  }
  expect((await serveAgain(served, `${port}-${port}`)).port).toBe(port);
  release();
});
