// Workers that are started before they are called: which, where, how many at once, and when no
// more.

import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { ExpectedCalls } from "../../../../../src/core/functions/pool/expected-calls.js";
import { StartsAhead } from "../../../../../src/daemon/functions/warm/starts-ahead.js";
import type { Events } from "../../../../../src/daemon/state/events.js";
import type { ExecutorRecord } from "../../../../../src/daemon/state/executor-record.js";
import { IdleWorkers } from "../../../../../src/daemon/state/idle-workers.js";
import { workerKey } from "../../../../../src/model/call.js";
import { GleanerError } from "../../../../../src/model/errors.js";
import { unsetSettings } from "../../../../../src/model/functions/settings.js";
import { executorId, nodeName, versionId } from "../../../../../src/model/ids.js";
import type { AttemptOrder, DaemonMessage } from "../../../../../src/wire/messages.js";
import { shiftedClock } from "../../../../support/daemon/shifted-clock.js";
import { newState } from "../../../../support/daemon/state.js";
import * as made from "../../../../support/nouns.js";

const kindOf = (number: number) => {
  const version = versionId(`${number}${"ab".repeat(32)}`.slice(0, 64));
  return { uid: 1_000, version, cores: 1, memoryMb: 100, gpus: 0 };
};
const keyOf = (number: number): string => workerKey(kindOf(number));

/** Its last call is over, and another one is expected within a second. */
function expectedCalls(number: number, seat = {}, uid = 1_000): ExpectedCalls {
  const { version } = kindOf(number);
  const settings = { ...unsetSettings, runtime: "node", memoryMb: 100, timeLimitMs: 1 } as const;
  const called = { kind: "call", function: "ada/f", version, bundleBytes: 1, settings } as const;
  return {
    workerKey: keyOf(number),
    invocation: { ...made.invocation({ owner: { uid, gid: uid, user: "ann" } }), memoryMb: 100 },
    submission: { ...made.submission(), command: called },
    outlook: {
      seats: [{ rank: 1, idleMs: 1_000, nextUseMs: 1_000, mayStart: true, ...seat }],
      changesAtMs: Number.POSITIVE_INFINITY,
    },
    keepMs: 60_000,
  };
}

let expected: ExpectedCalls[];
let records: ExecutorRecord[];
let told: [node: string, message: DaemonMessage][];
let begun: string[];
let events: Events;
let isDenied: boolean;
let stopped: Set<string>;
let rounds: StartsAhead;

function addNode(number: number, cores = 4): ExecutorRecord {
  const node = nodeName(`n${number}`);
  const line = { send: (message: DaemonMessage) => told.push([node, message]) > 0, close() {} };
  const record = {
    ...{
      id: executorId(`x${number}`),
      node,
      takesWork: true,
      line,
      idleWorkers: new IdleWorkers(),
    },
    ...{ free: { cores, memoryMb: 1_000, gpus: [] }, outlook: { endsAtMs: null } },
  } as unknown as ExecutorRecord;
  records.push(record);
  return record;
}

beforeEach(() => {
  [expected, records, told, begun] = [[expectedCalls(1)], [], [], []];
  [isDenied, stopped] = [false, new Set()];
  ({ events } = newState());
  rounds = new StartsAhead({
    ...{ events, registry: { all: () => records }, log: pino({ level: "silent" }) },
    access: {
      require: async () => {
        if (isDenied) throw new GleanerError("NOT_ALLOWED", "you may not run functions here");
      },
    },
    keepAlive: {
      expected: () => expected,
      startedAhead: (key) => begun.push(key),
      notStarted: (key) => begun.splice(begun.indexOf(key), 1),
      forget: (key) => {
        expected = expected.filter((each) => each.workerKey !== key);
      },
    },
    isStopped: (_uid, version) => stopped.has(version),
    orderOf: ({ workerKey: key }, node) =>
      ({ user: key, workingDirectory: node }) as unknown as AttemptOrder,
  });
});

/** Rounds follow events after a moment. */
async function untilTold(count: number): Promise<string[]> {
  while (told.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
  return started();
}

const started = () => told.map(([node, { type }]) => `${type} ${node}`);

test("a worker that is missing is started once; the node gets its code", async () => {
  const record = addNode(1);
  await rounds.run();
  await rounds.run();
  expect(started()).toEqual(["startAhead n1"]);
  expect(record.idleWorkers.startsAhead(kindOf(1).version)).toBe(true);
  expect(record.idleWorkers.startsAhead(kindOf(2).version)).toBe(false);
});

test("none is started where one is idle, or if its function has not kept one", async () => {
  addNode(1).idleWorkers.says([{ ...kindOf(1), count: 1 }]);
  expected.push(expectedCalls(2, { mayStart: false }));
  await rounds.run();
  expect(told).toEqual([]);
});

test("one that was lost with its node is started on another one", async () => {
  addNode(1).idleWorkers.says([{ ...kindOf(1), count: 1 }]);
  await rounds.run();
  records = [];
  addNode(2);
  await rounds.run();
  expect(started()).toEqual(["startAhead n2"]);
});

test("one whose call has just ended is not missing: its node says soon that it is idle", async () => {
  addNode(1);
  expected = [expectedCalls(1, { idleMs: 100 })];
  await rounds.run();
  expect(told).toEqual([]);
});

test("each second node starts one at a time, and the next one when that is ready", async () => {
  for (let number = 1; number <= 8; number++) addNode(number);
  expected = [1, 2, 3, 4, 5, 6].map((number) => expectedCalls(number));
  await rounds.run();
  await rounds.run();
  expect(told).toHaveLength(4);
  expect(new Set(started()).size).toBe(4);
  expect(begun).toHaveLength(4);
  for (const record of records) {
    const kinds = [1, 2, 3, 4, 5, 6].map(kindOf);
    const ready = kinds.filter((kind) => record.idleWorkers.startingAhead.has(workerKey(kind)));
    record.idleWorkers.says(ready.map((kind) => ({ ...kind, count: 1 })));
  }
  events.publish({ type: "idleWorkersChanged", executor: records[0]! });
  await expect(untilTold(6)).resolves.toHaveLength(6);
});

test("one that finds no room is started on another node at once, and one that fails no more", async () => {
  const [full, other] = [addNode(1), addNode(2)];
  await rounds.run();
  expect(started()).toEqual(["startAhead n1"]);
  full!.idleWorkers.aheadEnded(keyOf(1));
  const ended = { type: "aheadEnded", workerKey: keyOf(1) } as const;
  events.publish({ ...ended, executor: full!, why: "noRoom" });
  expect(await untilTold(2)).toEqual(["startAhead n1", "startAhead n2"]);
  expect(begun).toHaveLength(1);
  other!.idleWorkers.aheadEnded(keyOf(1));
  events.publish({ ...ended, executor: other!, why: "failed" });
  await rounds.run();
  expect(told).toHaveLength(2);
  expect(expected).toEqual([]);
});

test("a node without room is asked again later and later, and never for more cores than it has", async () => {
  const clock = shiftedClock();
  try {
    const executor = addNode(1);
    const { invocation } = expected[0]!;
    expected = [{ ...expected[0]!, invocation: { ...invocation, cores: 5 } }];
    await rounds.run();
    expect(told).toEqual([]);
    expected = [expectedCalls(1)];
    for (let second = 0; second < 60; second++) {
      await rounds.run();
      if (executor.idleWorkers.aheadEnded(keyOf(1)))
        events.publish({ type: "aheadEnded", executor, workerKey: keyOf(1), why: "noRoom" });
      clock.forward(1_000);
    }
    expect(told).toHaveLength(6); // after 0, 1, 3, 7, 15 and 31 s
  } finally {
    await rounds.stop();
    clock.restore();
  }
});

test("after a start that took a second, none of its user begins for ten", async () => {
  const clock = shiftedClock();
  try {
    const record = addNode(1);
    await rounds.run();
    clock.forward(1_000);
    record.idleWorkers.says([{ ...kindOf(1), count: 1 }]);
    events.publish({ type: "idleWorkersChanged", executor: record });
    expected.push(expectedCalls(2));
    clock.forward(9_000);
    await rounds.run();
    expect(told).toHaveLength(1);
    expected.push(expectedCalls(3, {}, 2_000));
    await rounds.run();
    expect(told).toHaveLength(2);
    record.idleWorkers.says([1, 3].map((number) => ({ ...kindOf(number), count: 1 })));
    clock.forward(1_100);
    await rounds.run();
    expect(told).toHaveLength(3);
  } finally {
    clock.restore();
  }
});

test("what a node loses is started elsewhere as soon as its executor is gone", async () => {
  const lost = addNode(1);
  lost.idleWorkers.says([{ ...kindOf(1), count: 1 }]);
  await rounds.run();
  records = [];
  addNode(2);
  events.publish({ type: "executorGone", executor: lost });
  expect(await untilTold(1)).toEqual(["startAhead n2"]);
});

test("none is started without a free core, for who may not run functions, or if it cannot load", async () => {
  addNode(1, 0);
  await rounds.run();
  expect(told).toEqual([]);
  addNode(2);
  stopped.add(kindOf(1).version);
  await rounds.run();
  expect(told).toEqual([]);
  expect(expected).toEqual([]);
  expected = [expectedCalls(3)];
  isDenied = true;
  await rounds.run();
  expect(told).toEqual([]);
  expect(expected).toEqual([]);
});

test("one that does not become ready is not started again before its function is called", async () => {
  const record = addNode(1);
  await rounds.run();
  record.idleWorkers.startAhead(keyOf(1), kindOf(1).version, 1_000, 0);
  await rounds.run();
  await rounds.run();
  expect(told).toHaveLength(1);
  expect(expected).toEqual([]);
  expect(record.idleWorkers.startingAhead.size).toBe(0);
});
