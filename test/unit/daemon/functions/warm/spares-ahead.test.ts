// For whom nodes are told to boot spares: who called lately, once a node, on a few nodes.

import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Callers } from "../../../../../src/core/functions/pool/callers.js";
import type { CallMade } from "../../../../../src/core/functions/pool/expected-calls.js";
import { SparesAhead } from "../../../../../src/daemon/functions/warm/spares-ahead.js";
import type { Events } from "../../../../../src/daemon/state/events.js";
import type { ExecutorRecord } from "../../../../../src/daemon/state/executor-record.js";
import { GleanerError } from "../../../../../src/model/errors.js";
import { nodeName } from "../../../../../src/model/ids.js";
import type { AttemptOrder, DaemonMessage } from "../../../../../src/wire/messages.js";
import { shiftedClock } from "../../../../support/daemon/shifted-clock.js";
import { newState } from "../../../../support/daemon/state.js";
import * as made from "../../../../support/nouns.js";

let callers: Callers<CallMade>;
let records: ExecutorRecord[];
let told: string[];
let events: Events;
let isDenied: boolean;
let rounds: SparesAhead;

function addNode(number: number, free = { cores: 1, memoryMb: 1_000 }): ExecutorRecord {
  const node = nodeName(`n${number}`);
  const send = (message: DaemonMessage) => {
    if (message.type !== "startAhead" || !message.isSpare) return false;
    return told.push(`${node} ${message.order.user}`) > 0;
  };
  const line = { send, close() {} };
  const record = { node, takesWork: true, line, free: { ...free, gpus: [] } };
  records.push(record as unknown as ExecutorRecord);
  return records.at(-1)!;
}

function called(uid: number, atMs = Date.now()): void {
  const owner = { uid, gid: uid, user: `u${uid}` };
  const invocation = { ...made.invocation(), owner, cores: 1, memoryMb: 100 };
  callers.called(uid, { invocation, submission: made.submission() }, atMs);
}

beforeEach(() => {
  [callers, records, told, isDenied] = [new Callers<CallMade>(), [], [], false];
  ({ events } = newState());
  rounds = new SparesAhead({
    ...{ events, registry: { all: () => records }, log: pino({ level: "silent" }) },
    access: {
      require: async () => {
        if (isDenied) throw new GleanerError("NOT_ALLOWED", "you may not run functions here");
      },
    },
    keepAlive: { callers },
    orderOf: ({ invocation }) => ({ user: invocation.owner.user }) as unknown as AttemptOrder,
  });
});

test("a node is told once of each who called, as soon as it is ready", async () => {
  called(1);
  called(2);
  const executor = addNode(1);
  events.publish({ type: "executorReady", executor });
  await rounds.run();
  await rounds.run();
  expect(told.sort()).toEqual(["n1 u1", "n1 u2"]);
});

test("one that is full is told later", async () => {
  called(1);
  const record = addNode(1, { cores: 0, memoryMb: 1_000 });
  await rounds.run();
  expect(told).toEqual([]);
  Object.assign(record, { free: { cores: 1, memoryMb: 100, gpus: [] } });
  await rounds.run();
  expect(told).toEqual(["n1 u1"]);
});

test("at most 32 nodes have spares of one user for this reason", async () => {
  for (let number = 1; number <= 40; number++) addNode(number);
  called(1);
  await rounds.run();
  await rounds.run();
  expect(told).toHaveLength(32);
  records.shift();
  await rounds.run();
  expect(told).toHaveLength(33);
});

test("none is booted for those who called long ago, or for more than the last eight", async () => {
  const clock = shiftedClock();
  try {
    addNode(1);
    for (let uid = 1; uid <= 9; uid++) called(uid);
    expect(callers.recent(Date.now()).map(({ invocation }) => invocation.owner.uid)).toEqual([
      9, 8, 7, 6, 5, 4, 3, 2,
    ]);
    clock.forward(3_600_000);
    await rounds.run();
    expect(told).toEqual([]);
  } finally {
    clock.restore();
  }
});

test("who may not run functions any more gets none until the next call", async () => {
  called(1);
  addNode(1);
  isDenied = true;
  await rounds.run();
  isDenied = false;
  await rounds.run();
  expect(told).toEqual([]);
  called(1);
  await rounds.run();
  expect(told).toEqual(["n1 u1"]);
});
