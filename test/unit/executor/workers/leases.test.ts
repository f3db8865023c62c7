// Leases on a node, against a scripted worker: where it serves and what it says reaches gleanerd,
// and every lease ends: asked for, not renewed, without clients, or by force.

import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { type Time, useTime } from "../../../../src/clock.js";
import type { LeaseRun } from "../../../../src/executor/workers/work/lease-run.js";
import { Leases } from "../../../../src/executor/workers/work/leases.js";
import type { WorkEnd } from "../../../../src/executor/workers/work/work.js";
import type { LeaseCommand } from "../../../../src/wire/calls.js";
import { checkExecutorMessage } from "../../../../src/wire/checks.js";
import type { AttemptKey, ExecutorMessage } from "../../../../src/wire/messages.js";
import { encodeHello, encodeLoaded } from "../../../../src/wire/worker/messages.js";
import {
  decodeServe,
  decodeTerminating,
  encodeServing,
  encodeUsage,
  type ServeUsage,
} from "../../../../src/wire/worker/serving.js";
import { WorkerChannel } from "../../../../src/workers/worker-channel.js";
import type { WorkerFailure } from "../../../../src/workers/worker-failure.js";
import { callOrder, codeOf, type FunctionCode } from "../../../support/executor/function-code.js";
import { FakeWorker } from "../../../support/runtimes/fake-worker.js";
import { socketPair } from "../../../support/runtimes/socket-pair.js";

const hostId = "6ff959db-bd24-4051-bb1b-0cb24a0d38cb";
const hello = { lowestVersion: 1, highestVersion: 1, runtime: "fake", languageVersion: "1" };
const load = { directory: "/b", concurrency: 1, outputLimitBytes: 1_000, logLimitBytes: 1_000 };
const terms: LeaseCommand = {
  hotMs: 0,
  ttlMs: 60_000,
  idleMs: 60_000,
  ports: "0",
  key: Buffer.alloc(32, 7),
};
const quiet: ServeUsage = { clients: 0, calls: 0, busyMs: 0, spinMs: 0 };

let code: FunctionCode;
let channel: WorkerChannel;
let worker: FakeWorker;
let near: Socket;
let said: ExecutorMessage[];
let leases: Leases;
let late: WorkerFailure[];
let runs: LeaseRun[];
let goBack: () => void;

beforeEach(async () => {
  code ??= await codeOf({ "index.mjs": "" });
  // Time passes only where a test says so, however slow the machine is; sockets need their turns.
  jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask"] });
  goBack = useTime({
    monotonicMs: () => performance.now(),
    setTimeout: (callback: () => void, delayMs: number) => setTimeout(callback, delayMs),
    clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
  } as unknown as Time);
  const [one, far] = await socketPair();
  near = one;
  worker = new FakeWorker(far);
  channel = new WorkerChannel(near, { onLog: () => {}, onClosed: () => {} });
  worker.send("hello", 0, encodeHello(hello));
  const end = channel.load(load);
  await worker.next();
  worker.send("loaded", 0, encodeLoaded({ concurrency: 1 }));
  await end;
  [said, late, runs] = [[], [], []];
  leases = new Leases((message) => void said.push(message), hostId);
});
afterEach(() => {
  for (const run of runs) run.close();
  channel.close();
  worker.socket.destroy();
  goBack();
  jest.useRealTimers();
});

const pass = (ms: number) => jest.advanceTimersByTime(ms);

function open(change: Partial<LeaseCommand> = {}): LeaseRun {
  const order = callOrder(code, null);
  const run = leases.open(order, { ...terms, ...change }, (failure) => void late.push(failure));
  runs.push(run);
  return run;
}

/** A worker that has been told to serve, and does. */
async function serve(run: LeaseRun): Promise<{ id: number; end: Promise<WorkEnd | null> }> {
  const end = run.begin(channel);
  const frame = await worker.next();
  expect(frame.type).toBe("serve");
  worker.send("serving", frame.id, encodeServing({ port: 4711, socket: "gleaner-7" }));
  await until(() => run.at !== null);
  return { id: frame.id, end };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for the cancel, which a worker that obeys answers. */
async function obey(id: number): Promise<void> {
  expect(await worker.next()).toMatchObject({ type: "cancel", id });
  worker.result(id, "", "");
}

const tellUsage = (id: number, usage: Partial<ServeUsage>) =>
  worker.send("usage", id, encodeUsage({ ...quiet, ...usage }));
const heard = (type: ExecutorMessage["type"]) => said.filter((each) => each.type === type);

describe("a worker that serves", () => {
  test("is told its name and key, and gleanerd where it listens, again on each connection", async () => {
    const run = open({ hotMs: -1 });
    const end = run.begin(channel);
    const frame = await worker.next();
    const key = "07".repeat(32);
    const name = `${run.key.invocation}.${run.key.attempt}`;
    expect(decodeServe(frame.payload)).toMatchObject({ worker: name, key, hotMs: -1, ports: "0" });
    worker.send("serving", frame.id, encodeServing({ port: 4711, socket: "gleaner-7" }));
    await until(() => said.length > 0);
    const at = { type: "serving", key: run.key, port: 4711, socket: "gleaner-7", hostId };
    expect(said).toEqual([at]);
    leases.connected();
    expect(said.slice(1)).toMatchObject([at, { type: "leaseUsage", clients: 0 }]);
    for (const message of said) expect(checkExecutorMessage(message)).toEqual(message);
    run.stop();
    await obey(frame.id);
    expect(await end).toEqual({ kind: "served", reason: null });
  });

  test("is shown with its last usage, once a second, whatever it says meanwhile", async () => {
    const run = open();
    const { id } = await serve(run);
    tellUsage(id, { clients: 1 });
    await until(() => run.clients === 1);
    pass(1);
    expect(heard("leaseUsage")).toHaveLength(1);
    for (let calls = 1; calls <= 500; calls++) tellUsage(id, { clients: 1, calls });
    await until(() => run.usage.calls === 500);
    pass(900);
    tellUsage(id, { clients: 1, calls: 600 });
    await until(() => run.usage.calls === 600);
    pass(98);
    expect(heard("leaseUsage")).toHaveLength(1);
    pass(2);
    expect(heard("leaseUsage")).toHaveLength(2);
    expect(heard("leaseUsage")[1]).toMatchObject({ calls: 600, clients: 1 });
  });

  test("cannot have been busy for longer than it has served, or have endless clients", async () => {
    const run = open();
    const { id } = await serve(run);
    tellUsage(id, { clients: 1e9, calls: 1, busyMs: 1e12, spinMs: 1e12 });
    await until(() => run.usage.calls === 1);
    expect(run.usage.busyMs).toBeLessThan(60_000);
    expect(run.usage.spinMs).toBeLessThan(60_000);
    expect(run.clients).toBe(64);
  });

  test("tells its clients shortly before its node is needed, and not if that plan changed", async () => {
    leases.foresee(3_100, "a job starts");
    const { id } = await serve(open());
    pass(100);
    const frame = await worker.next();
    expect(frame).toMatchObject({ type: "terminating", id });
    expect(decodeTerminating(frame.payload)).toEqual({ inMs: 3_000, reason: "a job starts" });
    leases.foresee(3_050, "another job");
    leases.foresee(null, "");
    pass(100);
    runs[0]!.stop();
    expect((await worker.next()).type).toBe("cancel");
  });
});

describe("a worker that goes on to listen after a lease", () => {
  const kept = { port: 4711, socket: "gleaner-7" };
  /** Its first lease, which has ended. */
  async function serveOnce(keeps: true | undefined): Promise<void> {
    const run = open();
    const end = run.begin(channel);
    const { id } = await worker.next();
    worker.send("serving", id, encodeServing({ ...kept, keeps }));
    await until(() => run.at !== null);
    run.stop();
    await obey(id);
    await end;
    run.close();
    said = [];
  }

  test("is said to serve the next lease before it does, and once", async () => {
    await serveOnce(true);
    const run = open();
    const end = run.begin(channel);
    const word = { type: "serving", key: run.key, ...kept, hostId };
    expect(said).toEqual([word]);
    for (const message of said) expect(checkExecutorMessage(message)).toEqual(message);
    const { id } = await worker.next();
    worker.send("serving", id, encodeServing({ ...kept, keeps: true }));
    tellUsage(id, { clients: 1 });
    await until(() => run.clients === 1);
    expect(heard("serving")).toEqual([word]);
    run.stop();
    await obey(id);
    expect(await end).toEqual({ kind: "served", reason: null });
  });

  test("has to be killed if it serves elsewhere: clients know no other place of one worker", async () => {
    await serveOnce(true);
    const run = open();
    void run.begin(channel);
    const { id } = await worker.next();
    worker.send("serving", id, encodeServing({ ...kept, port: 4712 }));
    await until(() => late.length > 0);
    expect(late).toMatchObject([
      { code: "OUT_OF_TURN", message: expect.stringMatching(/does not serve where/) },
    ]);
    expect(heard("serving")).toMatchObject([kept]);
  });

  test("is waited for if it keeps nothing, has had a call since, or is told other ports", async () => {
    await serveOnce(undefined);
    const run = open();
    void run.begin(channel);
    const { id } = await worker.next();
    expect([run.at, said]).toEqual([null, []]);
    run.stop();
    await obey(id);
    await serveOnce(true);
    const input = Buffer.from("in");
    const call = channel.call({ deadlineMs: 0, attempt: 1, contentType: "", name: "8", input });
    await worker.next();
    worker.result(call.id, "out");
    await call.end;
    const another = open();
    const begun = another.begin(channel);
    const { id: next } = await worker.next();
    expect(said).toEqual([]);
    another.stop();
    await obey(next);
    await begun;
    await serveOnce(true);
    void open({ ports: "50000-50100" }).begin(channel);
    await worker.next();
    expect(said).toEqual([]);
  });

  test("ends the lease with its own process, although its clients may be on their way", async () => {
    await serveOnce(true);
    const end = open().begin(channel);
    worker.socket.destroy();
    expect(await end).toBeNull();
  });

  test("ends a lease whose client never comes, if it does not say that it serves", async () => {
    await serveOnce(true);
    const end = open({ ttlMs: 60, idleMs: 30 }).begin(channel);
    const { id } = await worker.next();
    pass(60);
    await obey(id);
    expect(await end).toMatchObject({ kind: "served", reason: expect.any(String) });
  });
});

describe("a lease ends", () => {
  test("if it is not renewed, counted from the last renewal", async () => {
    const run = open({ ttlMs: 60_000 });
    const { id, end } = await serve(run);
    leases.extend(run.key, 150);
    leases.extend({ ...run.key, attempt: 9 } as AttemptKey, 60_000);
    expect(channel.callsInProgress).toBe(1);
    pass(150);
    await obey(id);
    expect(await end).toEqual({ kind: "served", reason: "the lease was not renewed in time" });
  });

  test("if it was not renewed while its worker still started", async () => {
    const run = open({ ttlMs: 1 });
    pass(1);
    expect(await run.begin(channel)).toMatchObject({
      kind: "served",
      reason: expect.stringMatching(/not renewed/),
    });
    expect(channel.callsInProgress).toBe(0);
  });

  test("if its last client has left for long enough, and not before", async () => {
    const run = open({ idleMs: 60 });
    const { id, end } = await serve(run);
    tellUsage(id, { clients: 1 });
    await until(() => run.clients === 1);
    pass(100);
    tellUsage(id, { clients: 0 });
    await until(() => run.clients === 0);
    const cancel = jest.spyOn(channel, "cancel");
    pass(59);
    expect(cancel).not.toHaveBeenCalled();
    pass(1);
    await obey(id);
    expect(await end).toMatchObject({ reason: "no client was connected to its worker for 60 ms" });
  });

  test("if no client came within its time to live, counted from the grant, however often it is renewed", async () => {
    const run = open({ idleMs: 30, ttlMs: 100 });
    const { id, end } = await serve(run);
    leases.extend(run.key, 60_000);
    const cancel = jest.spyOn(channel, "cancel");
    pass(200);
    expect(cancel).not.toHaveBeenCalled();
    // Of timers that are as long, the one that was set first fires first.
    for (const _ of ["grant", "renewal"]) leases.extend(run.key, 100);
    pass(100);
    await obey(id);
    expect(await end).toMatchObject({ reason: "no client was connected to its worker for 100 ms" });
  });

  test("as the failure of a worker that cannot listen", async () => {
    const end = open().begin(channel);
    const { id } = await worker.next();
    worker.error(id, "exit", "no port is free");
    expect(await end).toMatchObject({
      kind: "answered",
      leaves: true,
      answer: { kind: "exception", error: { message: "no port is free" } },
    });
  });

  test("without an end of its own if its worker is lost", async () => {
    const { end } = await serve(open());
    worker.socket.destroy();
    expect(await end).toBeNull();
  });

  test("by force if its worker ignores that", async () => {
    const run = open();
    await serve(run);
    run.stop();
    pass(4_999);
    expect(late).toEqual([]);
    pass(1);
    expect(late).toMatchObject([
      { code: "LATE", message: expect.stringMatching(/did not stop .* within 5000 ms/) },
    ]);
  });
});

test("a lease that is over is neither told nor extended", async () => {
  const run = open({ ttlMs: 30 });
  await serve(run);
  run.close();
  leases.extend(run.key, 1);
  said = [];
  leases.connected();
  pass(60);
  expect([said, channel.callsInProgress]).toEqual([[], 1]);
});
