// Workers that are kept warm even if nobody calls: which are started, for whom, and what executors
// are told.

import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { FunctionVersion } from "../../../../../src/core/ports/functions.js";
import { digestOf } from "../../../../../src/core/submission/digest.js";
import { MinWarm } from "../../../../../src/daemon/functions/warm/min-warm.js";
import type { ExecutorRecord } from "../../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../../src/daemon/state/live.js";
import { workerKey } from "../../../../../src/model/call.js";
import { GleanerError } from "../../../../../src/model/errors.js";
import { unsetSettings } from "../../../../../src/model/functions/settings.js";
import { executorId, invocationId, nodeName, versionId } from "../../../../../src/model/ids.js";
import type { DaemonMessage } from "../../../../../src/wire/messages.js";
import { newState } from "../../../../support/daemon/state.js";
import * as made from "../../../../support/nouns.js";

const ada = { uid: 1_000, user: "ada" };
const version = versionId("ab".repeat(32));
const settings = { ...unsetSettings, runtime: "node", memoryMb: 100, timeLimitMs: 1_000 } as const;
const kind = { uid: ada.uid, version, cores: 1, memoryMb: 100, gpus: 0 };
const key = workerKey(kind);
const tile = (change: object): FunctionVersion => ({
  ...({ key: 1, version, runtime: "node", bytes: 1, deployedAtMs: 1 } as FunctionVersion),
  ...{ owner: ada, name: "tile", settings: { ...settings, ...change } },
});

let functions: FunctionVersion[];
let started: { uid: number; gid: number; name: string }[];
let told: DaemonMessage[];
let warm: Map<string, number>;
let live: LiveInvocations;
let isDenied: boolean;
let isStopped: boolean;
let rounds: MinWarm;
/** Attempts on the node, by their invocations. */
let attempts: Map<number, unknown>;

beforeEach(() => {
  [functions, started, told, warm] = [[tile({ minWarm: 2 })], [], [], new Map()];
  [isDenied, isStopped] = [false, false];
  live = newState().live;
  attempts = new Map();
  const line = { send: (message: DaemonMessage) => told.push(message) > 0, close() {} };
  const record = {
    ...{ id: executorId("x1"), node: nodeName("n1"), takesWork: true, line },
    ...{ free: { cores: 4, memoryMb: 1_000, gpus: [] }, outlook: { endsAtMs: null } },
    attempts,
    idleWorkers: { saidOf: (kind: string) => warm.get(kind) ?? 0 },
  } as unknown as ExecutorRecord;
  rounds = new MinWarm({
    ...{ live, registry: { all: () => [record] } },
    store: { listMinWarm: async () => functions },
    accounts: {
      byUid: async (uid) => ({ name: `u${uid}`, uid, shell: "/bin/sh" }),
      gidOf: async () => 100,
    },
    access: {
      require: async () => {
        if (isDenied) throw new GleanerError("NOT_ALLOWED", "you may not run functions here");
      },
    },
    limitMbOfUser: 250,
    isStopped: () => isStopped,
    warmUp: async ({ uid, gid }, { name }) => {
      started.push({ uid, gid, name });
      const invocation = made.invocation({ id: invocationId(started.length) });
      live.add({ invocation, digest: { ...digestOf(1_000, made.submission()), version } }, null);
    },
    log: pino({ level: "silent" }),
  });
});

test("missing workers are started as their owner, once", async () => {
  await rounds.run();
  expect(started).toEqual([0, 1].map(() => ({ uid: 1_000, gid: 100, name: "tile" })));
  expect(told).toEqual([{ type: "keepWarm", workers: [{ ...kind, count: 2 }] }]);
  await rounds.run();
  expect(started).toHaveLength(2);
});

test("the executor is told how many to keep, and when that ends", async () => {
  warm = new Map([[key, 3]]);
  await rounds.run();
  await rounds.run();
  functions = [];
  await rounds.run();
  expect(started).toEqual([]);
  expect(told).toEqual([
    { type: "keepWarm", workers: [{ ...kind, count: 2 }] },
    { type: "keepWarm", workers: [] },
  ]);
});

test("a worker that is busy is one of those to keep", async () => {
  const busy = made.invocation({ id: invocationId(9) });
  live.add({ invocation: busy, digest: { ...digestOf(1_000, made.submission()), version } }, null);
  attempts.set(busy.id, {});
  warm = new Map([[key, 1]]);
  await rounds.run();
  expect(told).toEqual([{ type: "keepWarm", workers: [{ ...kind, count: 2 }] }]);
});

test("nothing is started beyond the user's memory, without room, without access, if it is stopped", async () => {
  functions = [tile({ minWarm: 3 })];
  await rounds.run();
  functions = [tile({ minWarm: 1, memoryMb: 200 }), tile({ minWarm: 1, memoryMb: 2_000 })];
  isDenied = true;
  await rounds.run();
  isDenied = false;
  isStopped = true;
  await rounds.run();
  expect(started).toEqual([]);
});

test("a worker that does not stay is started again after a pause", async () => {
  functions = [tile({ minWarm: 1 })];
  await rounds.run();
  live.finish(live.get(invocationId(1))!, { state: "CANCELLED" });
  await rounds.run();
  expect(started).toHaveLength(1);
});
