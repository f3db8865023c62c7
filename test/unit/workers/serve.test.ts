// A worker that serves the clients of a lease, as its executor sees it: one long call, and a named
// failure for everything else that it can send.

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { encodeFields } from "../../../src/wire/worker/fields.js";
import { encodeError, encodeHello, encodeLoaded } from "../../../src/wire/worker/messages.js";
import {
  decodeServe,
  decodeTerminating,
  encodeServing,
  encodeUsage,
  type ServeUsage,
  type Serving,
} from "../../../src/wire/worker/serving.js";
import { type RunningCall, WorkerChannel } from "../../../src/workers/worker-channel.js";
import type { WorkerFailure } from "../../../src/workers/worker-failure.js";
import { FakeWorker } from "../../support/runtimes/fake-worker.js";
import { socketPair } from "../../support/runtimes/socket-pair.js";

const hello = { lowestVersion: 1, highestVersion: 1, runtime: "fake", languageVersion: "1" };
const load = { directory: "/b", concurrency: 1, outputLimitBytes: 1_000, logLimitBytes: 1_000 };
const order = { worker: "7.1", key: "0f".repeat(32), hotMs: -1, maxClients: 64, ports: "0" };
const at: Serving = { port: 4711, socket: "gleaner-0f" };
const usage: ServeUsage = { clients: 1, calls: 12, busyMs: 3, spinMs: 4 };
const none = Buffer.alloc(0);

let channel: WorkerChannel;
let worker: FakeWorker;
let closed: Promise<WorkerFailure>;
let served: RunningCall;
let said: (Serving | ServeUsage)[];

beforeEach(async () => {
  const [near, far] = await socketPair();
  worker = new FakeWorker(far);
  closed = new Promise((onClosed) => {
    channel = new WorkerChannel(near, { onLog: () => {}, onClosed });
  });
  worker.send("hello", 0, encodeHello(hello));
  const end = channel.load(load);
  await worker.next();
  worker.send("loaded", 0, encodeLoaded({ concurrency: 1 }));
  await end;
  said = [];
  served = channel.serve(order, {
    onServing: (serving) => said.push(serving),
    onUsage: (used) => said.push(used),
  });
});
afterEach(() => {
  channel.close();
  worker.socket.destroy();
});

test("a worker serves until it is cancelled, and then runs calls again", async () => {
  const serve = await worker.next();
  expect(serve).toMatchObject({ type: "serve", id: served.id });
  expect(decodeServe(serve.payload)).toEqual(order);
  worker.send("serving", served.id, encodeServing(at));
  worker.send("usage", served.id, encodeUsage(usage));
  channel.terminating(served.id, { inMs: 2_000, reason: "its hole closes" });
  const terminating = await worker.next();
  expect(decodeTerminating(terminating.payload)).toEqual({
    inMs: 2_000,
    reason: "its hole closes",
  });
  channel.cancel(served.id);
  expect(await worker.next()).toMatchObject({ type: "cancel", id: served.id });
  worker.result(served.id, "", "");
  expect(await served.end).toMatchObject({ kind: "returned", outputBytes: 0 });
  expect(said).toEqual([at, usage]);
  const input = Buffer.from("in");
  const call = channel.call({ deadlineMs: 0, attempt: 1, contentType: "", name: "8", input });
  worker.result(call.id, "out");
  expect(await call.end).toMatchObject({ kind: "returned", output: Buffer.from("out") });
});

test("a worker that cannot listen says so, and lives on", async () => {
  const error = { kind: "exit", type: "ListenFailed", message: "no port is free", stack: "" };
  worker.send("error", served.id, encodeError({ ...error, kind: "exit" }));
  expect(await served.end).toMatchObject({ kind: "failed", error });
  expect(channel.isOpen).toBe(true);
});

describe("a hostile worker", () => {
  const serving = () => worker.send("serving", served.id, encodeServing(at));
  const used = (id = served.id) => worker.send("usage", id, encodeUsage(usage));
  const cases: readonly (readonly [string, string, () => void])[] = [
    ["says twice where it serves", "OUT_OF_TURN", () => [serving(), serving()]],
    ["tells its usage before it serves", "OUT_OF_TURN", () => used()],
    [
      "serves for a lease that it was never told of",
      "OUT_OF_TURN",
      () => worker.send("serving", served.id + 1, encodeServing(at)),
    ],
    [
      "tells its usage after it has ended",
      "OUT_OF_TURN",
      () => [serving(), worker.result(served.id, "", ""), used()],
    ],
    ["returns something", "OVERSIZED", () => [serving(), worker.result(served.id, "x")]],
    [
      "listens on no port",
      "GARBAGE",
      () => worker.send("serving", served.id, encodeServing({ ...at, port: 65_536 })),
    ],
    [
      "names a socket with a space",
      "GARBAGE",
      () => worker.send("serving", served.id, encodeServing({ ...at, socket: "a b" })),
    ],
    [
      "has less than no clients",
      "GARBAGE",
      () => [serving(), worker.send("usage", served.id, encodeFields({ ...usage, clients: -1 }))],
    ],
    [
      "tells its usage without end",
      "USAGE_FLOOD",
      () => {
        serving();
        for (let sent = 0; sent < 5_000; sent++) used();
      },
    ],
    ["sends what only executors send", "OUT_OF_TURN", () => worker.send("serve", 1, none)],
  ];

  test.each(cases)("that %s is lost as %s", async (_what, code, act) => {
    act();
    expect((await closed).code).toBe(code);
    expect((await closed).message).toMatch(/^the worker /);
  });

  test("of another call cannot serve under its number", async () => {
    worker.send("serving", served.id, encodeServing(at));
    const input = Buffer.from("in");
    const call = channel.call({ deadlineMs: 0, attempt: 1, contentType: "", name: "8", input });
    worker.send("serving", call.id, encodeServing(at));
    expect((await closed).code).toBe("OUT_OF_TURN");
    expect(said).toEqual([at]);
  });
});
