// Gearman: starts gearmand and worker processes, and asks for rounds of foreground jobs with the
// client of gearman_peer.c. gearmand keeps them in memory: it stores only background jobs, which
// return nothing.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

const { PEER_WORKERS: workers, PEER_PACKAGES: packages } = process.env;
const program = `${packages}/gearman_peer`;
const startDeadlineMs = 10_000;

let isEnding = false;
const port = await freePort();
const server = start("gearmand", ["--listen=127.0.0.1", `--port=${port}`, "--log-file=stderr"]);
await accepts(port);
const children = Array.from({ length: Number(workers) }, () => start(program, [port, "worker"]));
process.stdout.write('{"ready":true}\n');
const client = spawn(program, [port], { stdio: "inherit" });
const [exitCode] = await once(client, "close");
isEnding = true;
for (const child of [...children, server]) child.kill();
process.exitCode = exitCode;

function start(name, args) {
  const child = spawn(name, args, { stdio: ["ignore", 2, 2] });
  // Without one of them the client would wait forever.
  child.once("error", (error) => fail(error.message));
  child.once("exit", () => fail(`${name} ended by itself`));
  return child;
}

/** What it started ends with its standard input or its parent. */
function fail(message) {
  if (isEnding) return;
  process.stderr.write(`gearman: ${message}\n`);
  process.exit(1);
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port: free } = probe.address();
  probe.close();
  return String(free);
}

async function accepts(to) {
  for (const startedMs = performance.now(); ; await pause(20)) {
    const socket = connect(Number(to), "127.0.0.1");
    try {
      await once(socket, "connect");
      return socket.destroy();
    } catch (error) {
      if (performance.now() - startedMs > startDeadlineMs) throw error;
    }
  }
}
