// Acceptors: a turn of the event loop accepts several connections, and all are served alike.

import { once } from "node:events";
import { createServer, get, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Acceptors } from "../../../../../src/daemon/api/server/acceptors.js";

const clients = 64;
const warnings: string[] = [];
const log = pino({ level: "warn" }, { write: (line) => void warnings.push(line) });
let server: Server;
let acceptors: Acceptors;

beforeEach(async () => {
  warnings.length = 0;
  server = createServer((_request, response) => response.end("served"));
  server.listen(0, "127.0.0.1", 100);
  await once(server, "listening");
});

afterEach(async () => {
  const closed = once(server, "close");
  server.close();
  await Promise.all([closed, acceptors.close()]);
});

const portOf = (): number => (server.address() as AddressInfo).port;

/** How many turns it takes to accept clients whose connections all wait. */
async function turnsToAccept(): Promise<number> {
  let accepted = 0;
  const count = () => accepted++;
  server.on("connection", count);
  const sockets = Array.from({ length: clients }, () => connect(portOf(), "127.0.0.1"));
  let turns = 0;
  for (; accepted < clients; turns++) await turn();
  server.off("connection", count);
  for (const socket of sockets) socket.destroy();
  return turns;
}

/** Resolves when the helper has answered: nothing else shows it from outside. */
async function untilSeveral(): Promise<void> {
  for (let tries = 0; (await turnsToAccept()) > clients / 4; tries++)
    if (tries === 10_000) throw new Error("the helper does not answer");
}

test("a turn accepts several connections", async () => {
  acceptors = new Acceptors(log);
  expect(await turnsToAccept()).toBeGreaterThanOrEqual(clients);
  acceptors.serve(server, 100);
  await untilSeveral();
});

test("each connection is served, whichever handle accepted it", async () => {
  acceptors = new Acceptors(log);
  acceptors.serve(server, 100);
  await untilSeveral();
  const answers = Array.from({ length: clients }, async () => {
    const [response] = await once(get({ port: portOf(), host: "127.0.0.1" }), "response");
    return text(response);
  });
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["served"]));
});

test("without the helper connections are accepted one by one, and the log says so", async () => {
  acceptors = new Acceptors(log, "/nonexistent/node");
  acceptors.serve(server, 100);
  expect(await turnsToAccept()).toBeGreaterThanOrEqual(clients);
  expect(warnings.join()).toContain("accepts connections one by one");
});

test("connections end after close, and none are accepted", async () => {
  acceptors = new Acceptors(log);
  acceptors.serve(server, 100);
  await untilSeveral();
  await acceptors.close();
  expect(await turnsToAccept()).toBeGreaterThanOrEqual(clients);
});
