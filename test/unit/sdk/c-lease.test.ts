// A lease that libgleaner got by itself: its workers come and go, calls are made through gleanerd
// while there is none, and a lease that has ended is followed by another one.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import type { LookUp } from "../../../src/sdk/leases/host-addresses.js";
import { makeClient } from "../../support/runtimes/c-client.js";
import { makeRuntimes } from "../../support/runtimes/c-runtimes.js";
import { ended } from "../../support/sdk/fake-calls.js";
import { HeldLeases } from "../../support/sdk/held-leases.js";
import { Leasing } from "../../support/sdk/leasing.js";
import { ScriptedWorker, stuckWorker } from "../../support/sdk/scripted-worker.js";

const noWorker = "no worker of the lease is left, and none came in its place";

let program = "";
let leasing: Leasing;
let held: HeldLeases;
const workers: ScriptedWorker[] = [];
/** The longest wait for which the last call asked the kernel. */
let longestMs = 0;
let child: ChildProcessByStdio<Writable, Readable, null>;

beforeAll(() => {
  makeRuntimes();
  program = makeClient("lease");
}, 120_000);
afterEach(() => {
  child.kill("SIGKILL");
  held.stop();
  for (const worker of workers.splice(0)) worker.stop();
});

/** One that answers with its own name, or breaks the connection for the first `breaks` calls. */
async function worker(name: string, breaks = 0): Promise<ScriptedWorker> {
  const made: ScriptedWorker = await ScriptedWorker.start((id, { outbox, socket }) => {
    if (made.calls <= breaks) socket.destroy();
    else outbox.send("result", id, Buffer.from(name));
  }, name);
  workers.push(made);
  return made;
}

interface How {
  /** Its glean closes its output, but never exits. */
  readonly stays: boolean;
  /** It never waits in the library. */
  readonly polls: boolean;
  readonly lookUp: LookUp;
}

/** Returns what a call of the program ends with: its error and its output, or why it has none. */
async function start(retry: "evicted" | "never", deadlineMs = 20_000, how: Partial<How> = {}) {
  held = await HeldLeases.start(leasing, { stays: how.stays ?? false });
  held.lookUp = how.lookUp ?? held.lookUp;
  const polls = how.polls === true ? ["poll"] : [];
  const args = [held.glean, "echo", retry, String(deadlineMs), ...polls];
  child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("0 open");
  return async (line = "x"): Promise<[number, string]> => {
    child.stdin.write(`${line}\n`);
    const said = String((await lines.next()).value);
    const [, error, ms, output] = /^(\d+) (\d+) (.*)$/.exec(said)!;
    longestMs = Number(ms);
    return [Number(error), output!];
  };
}

async function end(): Promise<void> {
  child.stdin.end();
  const [code] = await once(child, "close");
  expect(code).toBe(0);
  await Promise.all(held.holds);
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
  let answer = await call();
  while (answer[1] === '"by gleanerd"') answer = await call();
  expect(answer).toEqual([0, "2.1"]);
  workers.at(-1)!.stop();
  leasing.change([], "ENDED");
  const third = await worker("3.1");
  leasing.forget([third.endpoint]);
  leasing.state = "ACTIVE";
  // The call that finds that it has ended asks for another one.
  answer = await call();
  while (answer[1] === '"by gleanerd"') answer = await call();
  expect(answer).toEqual([0, "3.1"]);
  expect(held.holds).toHaveLength(1);
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
  expect(held.holds).toHaveLength(1);
}, 30_000);

/** Less than the 5 s for which a client that may wait waits for a worker. */
const waitedMs = 4_500;

test("does not wait for a worker that does not answer, in a program that only polls", async () => {
  let wasTried = false;
  const silent = createServer(() => {
    wasTried = true;
  });
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const one = await worker("1.1");
  leasing = new Leasing([one.endpoint]);
  const call = await start("evicted", 20_000, { polls: true });
  const gone = { ...one.endpoint, worker: "2.1", port };
  one.stop();
  leasing.change([gone]);
  // Until it has heard of the change, it makes calls without it.
  do {
    expect(await call()).toEqual([0, '"by gleanerd"']);
    expect(longestMs).toBeLessThan(waitedMs);
  } while (!wasTried);
  const next = await worker("3.1");
  leasing.change([gone, next.endpoint]);
  let answer = await call();
  while (answer[1] === '"by gleanerd"') answer = await call();
  expect(answer).toEqual([0, "3.1"]);
  expect(longestMs).toBeLessThan(waitedMs);
  await end();
  silent.close();
}, 30_000);

test("connects to a named host once its address is told, and waits for no resolver", async () => {
  const one = await worker("1.1");
  leasing = new Leasing([{ ...one.endpoint, host: "node-1" }]);
  let resolve: (address: string) => void = () => {};
  const answer = new Promise<string>((found) => {
    resolve = found;
  });
  const call = await start("evicted", 20_000, { lookUp: () => answer });
  expect(await call()).toEqual([0, '"by gleanerd"']);
  resolve(one.endpoint.host);
  let [error, output] = await call();
  while (output === '"by gleanerd"') [error, output] = await call();
  expect([error, output]).toEqual([0, "1.1"]);
  await end();
}, 30_000);

test("makes a call through gleanerd that has cost three workers", async () => {
  const one = await worker("1.1", 9);
  leasing = new Leasing([one.endpoint]);
  const call = await start("evicted");
  held.calls.answer = () => ended("FAILED", "it exits");
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

test("gives no call to a worker that does not end one for which nobody waits", async () => {
  const { worker: stuck, answer } = await stuckWorker("1.1");
  workers.push(stuck);
  leasing = new Leasing([stuck.endpoint]);
  const call = await start("evicted", 2_000);
  expect(await call()).toEqual([7, "no answer came by the deadline; the call may have run"]);
  while ((await call())[1] !== '"by gleanerd"');
  const other = await worker("2.1");
  leasing.change([stuck.endpoint, other.endpoint]);
  for (let got = 0; got < 3; ) if ((await call())[1] === "2.1") got++;
  expect(stuck.calls).toBe(1);
  answer();
  other.stop();
  leasing.change([stuck.endpoint]);
  while ((await call())[1] !== "1.1");
  await end();
}, 30_000);

test("waits once for a worker in place of one that is gone, not with each call", async () => {
  const one = await worker("1.1");
  leasing = new Leasing([one.endpoint]);
  // Less than the second in which another worker may come.
  const call = await start("evicted", 900);
  one.stop();
  leasing.change([]);
  while ((await call())[1] !== '"by gleanerd"');
  await end();
}, 30_000);

test("says within its deadline that there is nobody, and cancels what gleanerd has", async () => {
  const one = await worker("1.1");
  leasing = new Leasing([one.endpoint]);
  const call = await start("evicted", 2_000);
  held.calls.answer = () => null;
  one.stop();
  leasing.change([]);
  expect(await call()).toEqual([7, "no answer came by the deadline; the call may have run"]);
  await end();
  expect(held.calls.cancelled).toEqual(["1"]);
}, 30_000);

test("ends its calls after a second if it cannot run glean any more", async () => {
  const one = await worker("1.1");
  leasing = new Leasing([one.endpoint]);
  const call = await start("evicted");
  rmSync(held.glean);
  one.stop();
  held.die();
  expect(await call()).toEqual([9, noWorker]);
}, 30_000);

test("calls go through gleanerd at once if the lease has ended and there is no other one", async () => {
  const one = await worker("1.1");
  leasing = new Leasing([one.endpoint]);
  const call = await start("evicted");
  one.stop();
  leasing.change([], "ENDED");
  for (let each = 0; each < 5; each++) expect(await call()).toEqual([0, '"by gleanerd"']);
  await end();
  expect(held.holds).toHaveLength(1);
}, 30_000);

test("a program ends although its glean does not", async () => {
  leasing = new Leasing([(await worker("1.1")).endpoint]);
  const call = await start("evicted", 20_000, { stays: true });
  expect(await call()).toEqual([0, "1.1"]);
  await end();
}, 30_000);

test("a lease that is closed in a forked process goes on in its parent", async () => {
  const one = await worker("1.1");
  leasing = new Leasing([one.endpoint]);
  const call = await start("evicted");
  expect(await call("fork")).toEqual([0, "1.1"]);
  expect(await call()).toEqual([0, "1.1"]);
  expect(leasing.asked.filter((asked) => asked.endsWith("/end"))).toEqual([]);
  one.stop();
  leasing.change([]);
  expect(await call()).toEqual([0, '"by gleanerd"']);
  await end();
  expect(held.holds).toHaveLength(1);
}, 30_000);
