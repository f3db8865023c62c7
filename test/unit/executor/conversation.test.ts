// What an executor reports on each connection, and which of the daemon's orders it accepts: less
// than its node cannot give.

import { beforeEach, expect, test } from "@jest/globals";
import type { SessionEvents } from "../../../src/executor/connection/session.js";
import { Conversation, ownOrder } from "../../../src/executor/conversation.js";
import type { Executor } from "../../../src/executor/executor.js";
import type { Resources } from "../../../src/model/resources.js";

const budget = { cores: 8, memoryMb: 8_000, gpus: [0, 1] };
const order = { type: "budget", budget, seenHookSequence: 3, knownJobs: [] } as const;
/** Without what a message has on top. */
const launched = { budget, seenHookSequence: 0, knownJobs: [] };
let report: { count: number; processes: []; held: Resources };
let obeyed: unknown[];
let said: unknown[];
let sent: unknown[];

beforeEach(() => {
  report = { count: 0, processes: [], held: { cores: 0, memoryMb: 0, gpus: [] } };
  [obeyed, said, sent] = [[], [], []];
});

function converse(gpuProblem: string | null = null): Conversation {
  const executor = {
    onConnected: (send: (message: unknown) => boolean) => send("ready"),
    onMessage: (message: unknown) => void obeyed.push(message),
    outbox: { sayNow: (message: unknown) => said.push(message) },
  } as unknown as Executor;
  const unkillable = {
    get report() {
      return report;
    },
  };
  return new Conversation(executor, launched, gpuProblem, unkillable);
}
const connection = { send: (message: unknown) => sent.push(message) > 0 } as unknown as Parameters<
  SessionEvents["onConnected"]
>[0];

test("an executor first reports that it is ready, then the hanging processes, even if there are none", () => {
  converse().onConnected(connection);
  expect(sent).toEqual(["ready", { type: "unkillable", report }]);
});

test("an executor reports in between why it uses no GPUs, and then gets orders without any", () => {
  const conversation = converse("2 files for 4 GPUs");
  conversation.onConnected(connection);
  expect(sent[1]).toEqual({ type: "gpusUnused", reason: "2 files for 4 GPUs" });
  conversation.onMessage(order);
  expect(obeyed).toMatchObject([{ type: "budget", budget: { cores: 8, gpus: [] } }]);
});

test("an order applies less the resources of hanging processes, and again when those change", () => {
  const conversation = converse();
  conversation.hungChanged();
  expect(said).toEqual([{ type: "unkillable", report }]);
  // Until the first order the launch's own is in force.
  expect(obeyed).toMatchObject([{ type: "budget", seenHookSequence: 0 }]);
  obeyed = [];
  conversation.onMessage(order);
  report = { count: 1, processes: [], held: { cores: 2, memoryMb: 1_000, gpus: [1] } };
  conversation.hungChanged();
  expect(obeyed).toEqual([
    ownOrder(order, null, { report: { ...report, held: { cores: 0, memoryMb: 0, gpus: [] } } }),
    ownOrder(order, null, { report }),
  ]);
  expect(obeyed[0]).not.toEqual(obeyed[1]);
});

test("all other messages go to the executor", () => {
  converse().onMessage({ type: "drain", reason: "ann" });
  expect(obeyed).toEqual([{ type: "drain", reason: "ann" }]);
});
