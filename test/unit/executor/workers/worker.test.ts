// A worker that ends with a call in it: when the call ends, and how.

import { EventEmitter, once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { RunEnd, RunHandle } from "../../../../src/executor/runtimes/runtime.js";
import { endUnstarted } from "../../../../src/executor/workers/end-of-call.js";
import { Payloads } from "../../../../src/executor/workers/payloads/payloads.js";
import { Leases } from "../../../../src/executor/workers/work/leases.js";
import { Worker } from "../../../../src/executor/workers/worker.js";
import { encodeFrame, FrameDecoder, wholeFrames } from "../../../../src/wire/worker/frame.js";
import {
  encodeBye,
  encodeError,
  encodeHello,
  encodeLoaded,
} from "../../../../src/wire/worker/messages.js";
import { callOrder, codeOf } from "../../../support/executor/function-code.js";
import { socketPair } from "../../../support/runtimes/socket-pair.js";

const runtime = { runtime: "node", languageVersion: "20", lowestVersion: 1, highestVersion: 1 };
/** A process that certainly is not on this machine. */
const pid = 2 ** 30;
let ends: [Socket, Socket];

beforeEach(async () => {
  const [near, far] = await socketPair();
  ends = [near, far];
  near.pause();
});
afterEach(() => {
  for (const each of ends) each.destroy();
});

test("one that was not started ends once what stood by for it is gone", async () => {
  let isEmpty = false;
  const told: string[] = [];
  const over = endUnstarted({ isEmpty: () => isEmpty }, ({ kind }) => told.push(kind));
  expect(told).toEqual([]);
  isEmpty = true;
  await over;
  expect(told).toEqual(["withdrawn"]);
});

/** A worker that a call has started, and that was told to load its code. */
async function loadingWorker() {
  const [near, far] = ends;
  const code = await codeOf({ "index.mjs": "" });
  let started = { onHolding: () => {}, onStarted: (_: number) => {}, onEnd: (_: RunEnd) => {} };
  let spawned = () => {};
  const isSpawned = new Promise<void>((resolve) => {
    spawned = resolve;
  });
  const process = { terminate: () => {}, notify: () => {}, kill: () => {} };
  const group = { kill: () => {}, joinFiles: [] } as never;
  const worker = new Worker(
    { group, gpus: [], told: {} },
    {
      settings: code.settings,
      code: async () => "/code",
      spawn: (_, events) => {
        started = events as typeof started;
        spawned();
        return process;
      },
      onReady: () => {},
      onBroken: () => {},
      onGone: () => {},
      payloads: new Payloads(
        () => Promise.reject(new Error("there is no disk")),
        () => {},
        (thrown) => Promise.reject(thrown),
      ),
      leases: new Leases(() => {}),
      environment: undefined,
    },
  );
  const told: RunEnd[] = [];
  const onEnd = (end: RunEnd) => told.push(end);
  const run = () => worker.run(callOrder(code, {}), { onStarted: () => {}, onEnd });
  const handle = run();
  await isSpawned;
  const frames = new EventEmitter();
  const decoder = new FrameDecoder(wholeFrames(({ type, id }) => frames.emit(type, id)));
  far.on("data", (piece) => decoder.push(piece));
  worker.connected(near);
  started.onStarted(pid);
  const toldToLoad = once(frames, "load");
  far.write(encodeFrame("hello", 0, encodeHello(runtime)));
  await toldToLoad;
  /** Says it in one piece, and waits until the worker has read it. */
  const say = async (...frames: readonly Buffer[]): Promise<void> => {
    // Listeners are called in their order: the worker has read it before this one.
    const read = once(near, "data");
    far.write(Buffer.concat(frames));
    await read;
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { worker, run, handle, told, frames, say, exits: started.onEnd };
}

const loaded = encodeFrame("loaded", 0, encodeLoaded({ concurrency: 2 }));

/** A worker to which a call was sent. */
async function calledWorker() {
  const worker = await loadingWorker();
  const called = once(worker.frames, "call");
  await worker.say(loaded);
  const [id]: number[] = await called;
  return { ...worker, id: id! };
}

const usage = { cpuMs: 1, maxRssMb: 1, oomKills: 0, brokenProcessLimit: null };

test.each([
  ["by itself", (worker: Worker, _: RunHandle) => worker.kill()],
  ["with all others", (_: Worker, handle: RunHandle) => handle.wasKilled!()],
])(
  "the answer of a worker that was killed %s frees no cores before its process is gone",
  async (_, kill) => {
    const { worker, handle, told, id, say, exits } = await calledWorker();
    kill(worker, handle);
    await say(encodeFrame("result", id, Buffer.from("too late")));
    expect(told).toEqual([]);
    exits({ kind: "ended", exitCode: 0, signal: 9, startNs: 1n, endNs: 2n, ...usage });
    expect(told).toMatchObject([{ kind: "ended", signal: 9 }]);
  },
);

test("a worker that was killed while it loaded its code begins no call", async () => {
  const { worker, run, told, frames, say, exits } = await loadingWorker();
  run();
  const called: number[] = [];
  frames.on("call", (id) => called.push(id));
  worker.kill();
  await say(loaded);
  exits({ kind: "ended", exitCode: 0, signal: 9, startNs: 1n, endNs: 2n, ...usage });
  expect(told).toMatchObject([{ kind: "ended", signal: 9 }, { kind: "withdrawn" }]);
  await once(ends[1], "close");
  expect(called).toEqual([]);
});

test("an error that arrives together with its worker's bye is its call's answer", async () => {
  const { worker, told, id, say } = await calledWorker();
  const error = { kind: "exit", type: "TypeError", message: "late", stack: "at f" } as const;
  await say(
    encodeFrame("error", id, encodeError(error)),
    encodeFrame("bye", 0, encodeBye("an uncaught exception ended the worker")),
  );
  expect(told).toMatchObject([
    { kind: "answered", answer: { kind: "exception", error: { message: "late", stack: "at f" } } },
  ]);
  expect(worker.seats).toBe(0);
});

test("a result stands, whatever its worker says right after it", async () => {
  const { worker, told, id, say } = await calledWorker();
  const neverSent = encodeFrame("call", 7);
  await say(encodeFrame("result", id, Buffer.from("done")), neverSent);
  expect(told).toMatchObject([{ kind: "answered", answer: { kind: "result" } }]);
  expect(worker.seats).toBe(0);
});

test("what a process printed before its end belongs to its call, however late it is read", async () => {
  const { worker, handle, told, exits } = await loadingWorker();
  const [near, far] = await socketPair();
  near.pause();
  far.end("no module hdf5\n");
  exits({ kind: "ended", exitCode: 1, signal: 0, startNs: 1n, endNs: 2n, ...usage });
  await new Promise((resolve) => setImmediate(resolve));
  worker.prints(near);
  await once(near, "close");
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toHaveLength(1);
  expect(String(handle.printed())).toBe("no module hdf5\n");
});

test("a kill ends a worker at once whose process has ended, whatever is still unread", async () => {
  const { worker, told, exits } = await loadingWorker();
  exits({ kind: "ended", exitCode: 1, signal: 0, startNs: 1n, endNs: 2n, ...usage });
  expect(told).toEqual([]);
  worker.kill();
  expect(told).toHaveLength(1);
});
