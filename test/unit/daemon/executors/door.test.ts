// Where executors connect: strangers who say nothing, however many, keep no executor out.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { parseConfig } from "../../../../src/config.js";
import { Secrets } from "../../../../src/daemon/auth/tokens.js";
import { listenForExecutors } from "../../../../src/daemon/executors/door.js";
import { executorId } from "../../../../src/model/ids.js";
import { connectToDaemon, type DaemonConnection } from "../../../../src/wire/handshake.js";
import { type ShiftedClock, shiftedClock } from "../../../support/daemon/shifted-clock.js";

const most = 4;
const executor = executorId("n1.a");
let folder: string;
let server: Server;
let secrets: Secrets;
let connected: DaemonConnection[];
let strangers: Socket[];
let clock: ShiftedClock;

beforeEach(async () => {
  clock = shiftedClock();
  folder = mkdtempSync(join(tmpdir(), "gleaner-door-"));
  secrets = Secrets.load(join(folder, "key"));
  [connected, strangers] = [[], []];
  const { listen } = parseConfig({}, "the test");
  const executors = {
    connected: (_: unknown, connection: unknown) => {
      connected.push(connection as DaemonConnection);
    },
  };
  const any = { listen: { ...listen, host: "127.0.0.1", executorPort: 0 } };
  const log = pino({ level: "silent" });
  server = await listenForExecutors(any, { secrets, executors }, null, log, most);
});
afterEach(async () => {
  for (const each of strangers) each.destroy();
  await Promise.all(connected.map((each) => each.close()));
  server.close();
  await once(server, "close");
  rmSync(folder, { recursive: true });
  clock.restore();
});

const address = () => ({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
const secret = () => secrets.ofExecutor(executor);

async function stranger(): Promise<Socket> {
  const socket = connect(address());
  socket.on("error", () => {});
  strangers.push(socket);
  await once(socket, "connect");
  return socket;
}

test("beyond a few unauthenticated connections, each new one replaces another, and executors keep theirs", async () => {
  const first = await connectToDaemon({ ...address(), executor, secret: secret() });
  const closed = new Set<Socket>();
  for (let count = 0; count < 3 * most; count++) {
    const socket = await stranger();
    socket.once("close", () => closed.add(socket));
    // Read, for else the end of the connection is not seen.
    socket.resume();
  }
  while (closed.size < 2 * most) await new Promise((resolve) => setImmediate(resolve));
  expect(closed.size).toBe(2 * most);
  expect(first.send({ type: "beat" })).toBe(true);
  // The oldest have had their chance.
  clock.forward(500);
  const second = await connectToDaemon({ ...address(), executor, secret: secret() });
  expect(second.send({ type: "beat" })).toBe(true);
  await Promise.all([first.close(), second.close()]);
});
