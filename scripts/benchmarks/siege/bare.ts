// What the attack leaves of any server in one process: the same attackers against a server of
// node:http that answers each request at once and keeps nothing.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { preciseMs } from "../lib/harness.js";
import { Attackers } from "./attackers.js";
import { ask } from "./requests.js";

const program = fileURLToPath(import.meta.url);
/** As gleanerd's own limits, so that as many connections come and go. */
const headTimeoutMs = 5_000;
const maxConnections = 4_096;
const betweenMs = 250;

/** The times of the lists of one client, which nothing else delays than accepting and reading. */
export async function bareListsMs(seconds: number): Promise<number[]> {
  const { child, port } = await begin();
  const attackers = new Attackers();
  const target = { port, token: "bare" };
  attackers.start(() => target);
  const endMs = preciseMs() + seconds * 1_000;
  const listsMs: number[] = [];
  while (preciseMs() < endMs) {
    const startedMs = preciseMs();
    const answer = await ask(target, "GET", "/v1/invocations");
    if (answer?.status === 200) listsMs.push(preciseMs() - startedMs);
    await pause(betweenMs);
  }
  await attackers.stop();
  child.kill();
  return listsMs;
}

async function begin(): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(program, ["serve"]);
  const [port] = (await once(child, "message")) as [number];
  return { child, port };
}

/** Runs in a process of its own. */
function serve(): void {
  const server = createServer(
    { headersTimeout: headTimeoutMs, connectionsCheckingInterval: 1_000 },
    (request, response) => {
      request.on("error", () => {});
      response.end('{"id":1}', () => request.destroy());
    },
  );
  server.maxConnections = maxConnections;
  server.on("clientError", (_error, socket) => socket.destroy());
  server.listen(0, "127.0.0.1", () => process.send!((server.address() as { port: number }).port));
  process.on("disconnect", () => process.exit(0));
}

if (process.argv[2] === "serve") serve();
