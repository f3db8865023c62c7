// A lease that libgleaner got by itself: its workers come and go, calls are made through gleanerd
// while there is none, and a lease that has ended is followed by another one.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { GleanerClient } from "../../../src/sdk/client.js";
import { holdLease } from "../../../src/sdk/leases/hold.js";
import { makeClient } from "../../support/runtimes/c-client.js";
import { makeRuntimes } from "../../support/runtimes/c-runtimes.js";
import { ended, FakeCalls, json, result } from "../../support/sdk/fake-calls.js";
import { Leasing } from "../../support/sdk/leasing.js";
import { ScriptedWorker } from "../../support/sdk/scripted-worker.js";

/** In the place of glean: what it reads and writes is the test's. */
const bridge = (port: number) => `#!${process.execPath}
const socket = require("node:net").connect(${port});
process.stdin.pipe(socket).pipe(process.stdout);
`;
const noWorker = "no worker of the lease is left, and none came in its place";

const folder = mkdtempSync(join(tmpdir(), "gleaner-c-lease-"));
let program = "";
let server: Server;
let leasing: Leasing;
let calls: FakeCalls;
/** Of each `glean lease hold` that it ran. */
let holds: Promise<void>[] = [];
const workers: ScriptedWorker[] = [];
let child: ChildProcessByStdio<Writable, Readable, null>;

beforeAll(() => {
  makeRuntimes();
  program = makeClient("lease");
}, 120_000);
beforeEach(async () => {
  calls = new FakeCalls();
  calls.answer = () => result(json("by gleanerd"));
  holds = [];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    const client = { ...calls, leases: leasing.client() } as unknown as GleanerClient;
    const held = holdLease(client, { function: "echo" }, socket, socket);
    holds.push(held.finally(() => socket.destroySoon()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  child.kill("SIGKILL");
  server.close();
  for (const worker of workers.splice(0)) worker.stop();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** One that answers with its own name, or breaks the connection for the first `breaks` calls. */
async function worker(name: string, breaks = 0): Promise<ScriptedWorker> {
  const made: ScriptedWorker = await ScriptedWorker.start((id, { outbox, socket }) => {
    if (made.calls <= breaks) socket.destroy();
    else outbox.send("result", id, Buffer.from(name));
  }, name);
  workers.push(made);
  return made;
}

/** Returns what a call of the program ends with: its error and its output, or why it has none. */
async function start(retry: "evicted" | "never", deadlineMs = 20_000) {
  const glean = join(folder, "glean");
  writeFileSync(glean, bridge((server.address() as AddressInfo).port));
  chmodSync(glean, 0o755);
  const args = [glean, "echo", retry, String(deadlineMs)];
  child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("0 open");
  return async (): Promise<[number, string]> => {
    child.stdin.write("x\n");
    const said = String((await lines.next()).value);
    const [, error, output] = /^(\d+) \d+ (.*)$/.exec(said)!;
    return [Number(error), output!];
  };
}

async function end(): Promise<void> {
  child.stdin.end();
  const [code] = await once(child, "close");
  expect(code).toBe(0);
  await Promise.all(holds);
}

test("goes on through gleanerd, with new workers, and with another lease", async () => {
  const one = await worker("1.1");
  leasing = new Leasing([one.endpoint]);
  const call = await start("evicted");
  expect(await call()).toEqual([0, "1.1"]);
  one.stop();
  leasing.change([]);
  expect(await call()).toEqual([0, '"by gleanerd"']);
  leasing.change([(await worker("2.1")).endpoint]);
  const changed = await call();
  expect(changed[0]).toBe(0);
  expect(await call()).toEqual([0, "2.1"]);
  workers.at(-1)!.stop();
  leasing.change([], "ENDED");
  const third = await worker("3.1");
  leasing.forget([third.endpoint]);
  leasing.state = "ACTIVE";
  expect(await call()).toEqual([0, "3.1"]);
  expect(holds).toHaveLength(2);
  await end();
  expect(leasing.asked.filter((asked) => asked.endsWith("/end"))).toEqual([
    "POST /v1/leases/8/end",
  ]);
}, 30_000);

test("connects again to a worker whose connection broke", async () => {
  leasing = new Leasing([(await worker("1.1", 2)).endpoint]);
  const call = await start("evicted");
  expect(await call()).toEqual([0, "1.1"]);
  await end();
  expect(holds).toHaveLength(1);
}, 30_000);

test("makes a call through gleanerd that has cost three workers", async () => {
  calls.answer = () => ended("FAILED", "it exits");
  const one = await worker("1.1", 9);
  leasing = new Leasing([one.endpoint]);
  const call = await start("evicted");
  expect(await call()).toEqual([5, "FAILED: call 1: it exits"]);
  expect(one.calls).toBe(3);
}, 30_000);

test("ends a call that may have run if it must not run twice, and connects again", async () => {
  const one = await worker("1.1", 1);
  leasing = new Leasing([one.endpoint]);
  const call = await start("never");
  expect(await call()).toEqual([8, "the connection to the worker broke; the call may have run"]);
  expect(await call()).toEqual([0, "1.1"]);
}, 30_000);

test("says within its deadline that there is nobody, and cancels what gleanerd has", async () => {
  const one = await worker("1.1");
  leasing = new Leasing([one.endpoint]);
  calls.answer = () => null;
  const call = await start("evicted", 2_000);
  one.stop();
  leasing.change([]);
  expect(await call()).toEqual([7, "no answer came by the deadline; the call may have run"]);
  await end();
  expect(calls.cancelled).toEqual(["1"]);
}, 30_000);

test("ends its calls after a second if it cannot run glean any more", async () => {
  const one = await worker("1.1");
  leasing = new Leasing([one.endpoint]);
  const call = await start("evicted");
  rmSync(join(folder, "glean"));
  one.stop();
  leasing.change([], "ENDED");
  expect(await call()).toEqual([9, noWorker]);
}, 30_000);
