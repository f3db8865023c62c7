// The executor's side of a worker's connection, against a scripted worker: calls at once, streamed
// inputs and outputs, and a named failure for everything that a hostile worker can send.

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { encodeFields } from "../../../src/wire/worker/fields.js";
import { encodeHead, type FrameType } from "../../../src/wire/worker/frame.js";
import {
  decodeCallHead,
  decodeLoad,
  encodeError,
  encodeHello,
  encodeLoaded,
} from "../../../src/wire/worker/messages.js";
import {
  type CallEnd,
  type CallOrder,
  WorkerChannel,
  type WorkerLog,
} from "../../../src/workers/worker-channel.js";
import type { WorkerFailure } from "../../../src/workers/worker-failure.js";
import { FakeWorker } from "../../support/runtimes/fake-worker.js";
import { socketPair } from "../../support/runtimes/socket-pair.js";

const hello = { lowestVersion: 1, highestVersion: 1, runtime: "fake", languageVersion: "1" };
const load = { directory: "/b", concurrency: 2, outputLimitBytes: 1_000_000, logLimitBytes: 1_000 };
const order: CallOrder = {
  deadlineMs: 5_000,
  attempt: 1,
  contentType: "text/plain",
  name: "17",
  input: Buffer.from("in"),
};

let channel: WorkerChannel;
let worker: FakeWorker;
let logs: WorkerLog[];
let faults: WorkerFailure[];
let closed: Promise<WorkerFailure>;

beforeEach(async () => {
  const [near, far] = await socketPair();
  logs = [];
  faults = [];
  closed = new Promise((resolve) => {
    channel = new WorkerChannel(near, {
      onLog: (log) => logs.push(log),
      onFault: (failure) => faults.push(failure),
      onClosed: resolve,
    });
  });
  worker = new FakeWorker(far);
});
afterEach(() => {
  channel.close();
  worker.socket.destroy();
});

async function loaded(): Promise<void> {
  worker.send("hello", 0, encodeHello(hello));
  const end = channel.load(load);
  await worker.next();
  worker.send("loaded", 0, encodeLoaded({ concurrency: 2 }));
  expect(await end).toEqual({ kind: "loaded", concurrency: 2 });
}

describe("a worker that obeys", () => {
  test("is greeted, loaded and called", async () => {
    const end = channel.load({ ...load, handler: "f.py:g" });
    worker.send("hello", 0, encodeHello(hello));
    expect(await channel.ready()).toEqual({ kind: "ready", hello });
    expect(decodeLoad((await worker.next()).payload)).toMatchObject({
      protocolVersion: 1,
      handler: "f.py:g",
      concurrency: 2,
    });
    worker.send("loaded", 0, encodeLoaded({ concurrency: 1 }));
    expect(await end).toEqual({ kind: "loaded", concurrency: 1 });
    const call = channel.call(order);
    const frame = await worker.next();
    expect(frame).toMatchObject({ type: "call", id: call.id, payload: Buffer.from("in") });
    const { input: _input, ...head } = order;
    expect(decodeCallHead(frame.metadata)).toEqual(head);
    worker.result(call.id, "out");
    expect(await call.end).toEqual({
      kind: "returned",
      contentType: "text/plain",
      outputBytes: 3,
      output: Buffer.from("out"),
    });
    expect(channel.callsInProgress).toBe(0);
  });

  test("cannot load its handler, in the words of the user's code", async () => {
    worker.send("hello", 0, encodeHello(hello));
    const end = channel.load(load);
    await worker.next();
    const error = { kind: "exception", type: "E", message: "m", stack: "s" } as const;
    worker.send("loadFailed", 0, encodeError(error));
    expect(await end).toEqual({ kind: "failed", error });
  });

  test("answers several calls in any order, and some with errors", async () => {
    await loaded();
    const calls = [channel.call(order), channel.call(order), channel.call(order)];
    expect(channel.callsInProgress).toBe(3);
    worker.result(calls[2]!.id, "third");
    const error = { kind: "output", type: "E", message: "m", stack: "" } as const;
    worker.send("error", calls[0]!.id, encodeError(error));
    worker.result(calls[1]!.id, "second");
    const ends = await Promise.all(calls.map(({ end }) => end));
    expect(ends[0]).toEqual({ kind: "failed", error });
    expect(ends.slice(1).map(outputOf)).toEqual(["second", "third"]);
  });

  test("gets calls of one turn of the event loop in one piece", async () => {
    await loaded();
    const pieces: number[] = [];
    worker.socket.on("data", ({ length }: Buffer) => pieces.push(length));
    const calls = [1, 2, 3].map(() => channel.call(order));
    for (const { id } of calls) expect((await worker.next()).id).toBe(id);
    expect(pieces).toHaveLength(1);
  });

  test("is asked to cancel a call only while that has no end", async () => {
    await loaded();
    const { id, end } = channel.call(order);
    channel.cancel(id + 1);
    channel.cancel(id);
    await worker.next();
    expect(await worker.next()).toMatchObject({ type: "cancel", id });
    worker.result(id, "");
    await end;
    channel.cancel(id);
    channel.close("idle");
    expect(await worker.next()).toMatchObject({
      type: "bye",
      payload: encodeFields({ reason: "idle" }),
    });
    expect((await closed).code).toBe("STOPPED");
  });

  test("logs for a call, after its end, and outside of calls", async () => {
    await loaded();
    const { id, end } = channel.call(order);
    worker.log(id, "a");
    worker.result(id, "");
    worker.log(id, "late");
    worker.log(0, "b");
    await end;
    await until(() => logs.length === 3);
    expect(logs.map(({ callId, bytes }) => [callId, String(bytes)])).toEqual([
      [id, "a"],
      [id, "late"],
      [null, "b"],
    ]);
  });
});

describe("streams", () => {
  async function* pieces(count: number, length: number) {
    for (let sent = 0; sent < count; sent++) yield Buffer.alloc(length, sent);
  }

  test("an input is sent piece by piece, and a later call waits for it", async () => {
    await loaded();
    const bytes = 20 * 100_000;
    channel.call({ ...order, input: { bytes, pieces: pieces(20, 100_000) } });
    const second = channel.call(order);
    const first = await worker.next();
    expect(first.payload.length).toBe(bytes);
    expect(first.payload.at(-1)).toBe(19);
    expect((await worker.next()).id).toBe(second.id);
  });

  test.each([
    ["shorter", 19],
    ["longer", 21],
  ])("an input that is %s than announced ends the channel", async (_what, count) => {
    await loaded();
    const input = { bytes: 20 * 10, pieces: pieces(count, 10) };
    const { end } = channel.call({ ...order, input });
    expect(codeOf(await end)).toBe("INPUT");
    expect(channel.isOpen).toBe(false);
  });

  test("an output goes to its sink, and the worker waits for a slow one", async () => {
    await loaded();
    const size = 900_000;
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let begun = "";
    let kept = 0;
    const sink = {
      begin: (type: string, bytes: number) => {
        begun = `${type} ${bytes}`;
      },
      write: (piece: Buffer) => {
        kept += piece.length;
        return gate;
      },
    };
    const { id, end } = channel.call({ ...order, sink });
    worker.result(id, "x".repeat(size));
    await until(() => kept > 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(kept).toBeLessThan(size);
    open();
    expect(await end).toMatchObject({ kind: "returned", outputBytes: size, output: null });
    expect([begun, kept]).toEqual([`text/plain ${size}`, size]);
  });

  test("a sink that fails loses its call, not the worker", async () => {
    await loaded();
    const sink = { begin: () => {}, write: () => Promise.reject(new Error("disk full")) };
    const { id, end } = channel.call({ ...order, sink });
    worker.result(id, "x".repeat(500_000));
    const lost = await end;
    expect(lost).toMatchObject({
      failure: { code: "SINK", message: expect.stringMatching(/disk full/) },
    });
    const next = channel.call(order);
    worker.result(next.id, "fine");
    expect(outputOf(await next.end)).toBe("fine");
  });
});

test("a call that is answered twice does no harm to the next one", async () => {
  await loaded();
  const first = channel.call(order);
  worker.result(first.id, "first");
  await first.end;
  const next = channel.call(order);
  worker.result(first.id, "again");
  worker.result(next.id, "fine");
  expect(outputOf(await next.end)).toBe("fine");
  expect(faults).toMatchObject([
    { code: "ANSWERED_TWICE", message: "the worker answered call 17 twice" },
  ]);
});

describe("a hostile worker", () => {
  const cases: readonly (readonly [string, string, (id: number) => void])[] = [
    ["sends garbage", "GARBAGE", () => worker.socket.write("GET / HTTP/1.1\r\n\r\n")],
    ["sends a frame over its limit", "OVERSIZED", () => sendHead("log", 0, Buffer.of(1), 65_537)],
    [
      "sends an output over the limit of its load",
      "OVERSIZED",
      (id) => sendHead("result", id, Buffer.alloc(0), 1_000_001),
    ],
    ["answers a call that it was never sent", "UNKNOWN_CALL", (id) => worker.result(id + 1, "")],
    ["logs for a call that it was never sent", "UNKNOWN_CALL", (id) => worker.log(id + 1, "")],
    [
      "answers a call again and again",
      "ANSWERED_TWICE",
      (id) => {
        worker.result(id, "");
        const error = encodeError({ kind: "exit", type: "", message: "", stack: "" });
        for (let sent = 0; sent < 17; sent++) worker.send("error", id, error);
      },
    ],
    [
      "floods the log of a call",
      "LOG_FLOOD",
      (id) => {
        for (let sent = 0; sent < 10_000; sent++) worker.log(id, "x");
      },
    ],
    [
      "floods the log outside of calls",
      "LOG_FLOOD",
      () => {
        for (let sent = 0; sent < 10; sent++) worker.log(0, "x".repeat(60_000));
      },
    ],
    [
      "sends an error of an unknown kind",
      "GARBAGE",
      (id) => worker.send("error", id, encodeFields({ kind: "node died" })),
    ],
    ["says hello again", "OUT_OF_TURN", () => worker.send("hello", 0, encodeHello(hello))],
    [
      "is loaded again",
      "OUT_OF_TURN",
      () => worker.send("loaded", 0, encodeLoaded({ concurrency: 9 })),
    ],
    ["sends a call", "OUT_OF_TURN", () => sendHead("call", 1, Buffer.alloc(8), 0)],
    ["sends a message for parents", "OUT_OF_TURN", () => worker.send("forked", 1)],
    ["says bye", "LEFT", () => worker.send("bye", 0, encodeFields({ reason: "memory" }))],
    ["closes its connection", "CLOSED", () => worker.socket.end()],
    [
      "closes its connection in the middle of a message",
      "CLOSED",
      (id) => {
        sendHead("result", id, Buffer.alloc(0), 10);
        worker.socket.end();
      },
    ],
  ];
  const sendHead = (type: FrameType, id: number, metadata: Buffer, payloadBytes: number) =>
    worker.socket.write(encodeHead(type, id, metadata, payloadBytes));

  test.each(cases)("that %s is lost as %s, with its calls", async (_what, code, act) => {
    await loaded();
    const first = channel.call(order);
    const other = channel.call(order);
    await worker.next();
    await worker.next();
    act(other.id);
    expect((await closed).code).toBe(code);
    expect((await closed).message).toMatch(/^the worker |^memory$/);
    expect(codeOf(await first.end)).toBe(code);
    expect(channel.isOpen).toBe(false);
    expect(codeOf(await channel.call(order).end)).toBe("STOPPED");
  });

  const bye = (endedBy: number) =>
    worker.send("bye", 0, encodeFields({ reason: "memory", endedBy }));

  test.each([
    ["what call 17 left behind", (ended: number) => ended, /because of what call 17 left behind/],
    ["nobody, while no call is in it", () => 0, /while no call was in it/],
  ])("that says bye because of %s has calls that are not to blame", async (_what, by, words) => {
    await loaded();
    const ended = channel.call(order);
    await worker.next();
    worker.result(ended.id, "");
    await ended.end;
    const other = channel.call({ ...order, name: "18" });
    await worker.next();
    bye(by(ended.id));
    expect(codeOf(await other.end)).toBe("LEFT_LATE");
    expect((await closed).message).toMatch(words);
  });

  test.each([
    ["a call that runs", (running: number) => running],
    ["a call that it was never sent", (running: number) => running + 1],
    ["nobody, and has answered no call", () => 0],
  ])("that says bye because of %s blames its calls", async (_what, by) => {
    await loaded();
    const running = channel.call(order);
    await worker.next();
    bye(by(running.id));
    expect(codeOf(await running.end)).toBe("LEFT");
    expect((await closed).message).toBe("memory");
  });

  test("that sends a result before it was loaded is lost, and so is the load", async () => {
    worker.send("hello", 0, encodeHello(hello));
    const end = channel.load(load);
    await worker.next();
    worker.result(1, "");
    expect(await end).toMatchObject({ kind: "lost", failure: { code: "OUT_OF_TURN" } });
  });

  test("that sends anything before hello is lost", async () => {
    worker.send("loaded", 0, encodeLoaded({ concurrency: 1 }));
    expect(await channel.ready()).toMatchObject({ failure: { code: "OUT_OF_TURN" } });
    expect(await channel.load(load)).toMatchObject({ failure: { code: "OUT_OF_TURN" } });
  });

  test("that speaks only later versions is told apart by name", async () => {
    worker.send("hello", 0, encodeHello({ ...hello, lowestVersion: 2, highestVersion: 3 }));
    expect(await channel.load(load)).toMatchObject({
      kind: "lost",
      failure: {
        code: "VERSION",
        message: expect.stringMatching(/speaks versions 2 to 3 .* the executor 1 to 1/),
      },
    });
  });

  test("that speaks later versions too is loaded with ours", async () => {
    worker.send("hello", 0, encodeHello({ ...hello, highestVersion: 9 }));
    void channel.load(load);
    expect(decodeLoad((await worker.next()).payload).protocolVersion).toBe(1);
  });

  test("whose log is long, but each call's is not, is not lost", async () => {
    await loaded();
    for (let round = 0; round < 50; round++) {
      const { id, end } = channel.call(order);
      worker.log(id, "x".repeat(40_000));
      worker.log(0, "y".repeat(20_000));
      worker.result(id, "");
      expect((await end).kind).toBe("returned");
    }
  });
});

test("an input over the limit, or an endless name, is refused before it is sent", async () => {
  await loaded();
  const input = { bytes: 64 * 1024 * 1024 + 1, pieces: [] as unknown as AsyncIterable<Buffer> };
  expect(() => channel.call({ ...order, input })).toThrow(/over the limit of 67108864/);
  expect(() => channel.call({ ...order, name: "x".repeat(300) })).toThrow(/300 bytes/);
  expect(channel.callsInProgress).toBe(0);
});

const outputOf = (end: CallEnd) => (end.kind === "returned" ? String(end.output) : end.kind);
const codeOf = (end: CallEnd) => (end.kind === "lost" ? end.failure.code : end.kind);

/** Resolves in the turn in which it holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
