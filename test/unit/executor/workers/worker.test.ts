// A worker that ends with a call in it: when the call ends, and how.

import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { RunEnd, RunHandle } from "../../../../src/executor/runtimes/runtime.js";
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

/** A worker to which a call was sent. */
async function calledWorker() {
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
        () => "/nowhere",
        () => {},
        (thrown) => Promise.reject(thrown),
      ),
      leases: new Leases(() => {}),
      environment: undefined,
    },
  );
  const told: RunEnd[] = [];
  const onEnd = (end: RunEnd) => told.push(end);
  const handle = worker.run(callOrder(code, {}), { onStarted: () => {}, onEnd });
  await isSpawned;
  const called = new Promise<number>((resolve) => {
    const frames = wholeFrames(({ type, id }) => {
      if (type === "load") far.write(encodeFrame("loaded", 0, encodeLoaded({ concurrency: 1 })));
      if (type === "call") resolve(id);
    });
    const decoder = new FrameDecoder(frames);
    far.on("data", (piece) => decoder.push(piece));
  });
  worker.connected(near);
  started.onStarted(pid);
  far.write(encodeFrame("hello", 0, encodeHello(runtime)));
  const id = await called;
  /** Says it in one piece, and waits until the worker has read it. */
  const say = async (...frames: readonly Buffer[]): Promise<void> => {
    // Listeners are called in their order: the worker has read it before this one.
    const read = once(near, "data");
    far.write(Buffer.concat(frames));
    await read;
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { worker, handle, told, id, say, exits: started.onEnd };
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
