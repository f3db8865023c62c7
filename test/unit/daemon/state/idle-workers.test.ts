// How many idle workers an executor has, between two of its messages about them.

import { expect, test } from "@jest/globals";
import { IdleWorkers } from "../../../../src/daemon/state/idle-workers.js";
import { workerKey } from "../../../../src/model/call.js";
import { invocationId, versionId } from "../../../../src/model/ids.js";

const amounts = { cores: 1, memoryMb: 1, gpus: 0 };
const kind = { uid: 7, version: versionId("0".repeat(64)), ...amounts };
const key = workerKey(kind);

test("a call takes one until it ends, and the executor's word counts again", () => {
  const workers = new IdleWorkers();
  workers.says([{ ...kind, count: 2 }]);
  for (const id of [1, 2, 3]) workers.take(invocationId(id), key);
  expect(workers.left.get(key)).toBe(0);
  workers.giveBack(invocationId(3));
  workers.giveBack(invocationId(2));
  expect(workers.left.get(key)).toBe(1);
  workers.says([{ ...kind, count: 1 }]);
  expect(workers.left.get(key)).toBe(1);
  expect(workers.saidOf(key)).toBe(1);
  workers.giveBack(invocationId(1));
  expect(workers.left.get(key)).toBe(1);
});

test("one that was started ahead is known until a call takes it, or it is gone", () => {
  const workers = new IdleWorkers();
  const start = () => workers.startAhead(key, kind.version, kind.uid, 5);
  start();
  expect(workers.aheadOf(key)).toEqual({ sinceMs: 5, isReady: false });
  workers.says([{ ...kind, count: 1 }]);
  expect(workers.aheadOf(key)).toEqual({ sinceMs: 5, isReady: true });
  expect(workers.takeStart()!.tookMs).toBeGreaterThan(1_000);
  expect(workers.takeStart()).toBeNull();
  workers.take(invocationId(1), key);
  expect(workers.aheadOf(key)).toBeNull();
  start();
  workers.says([{ ...kind, count: 1 }]);
  workers.says([]);
  expect(workers.aheadOf(key)).toBeNull();
});

test("a call takes an idle one, or else the one that starts, which may also end", () => {
  const workers = new IdleWorkers();
  workers.says([{ ...kind, count: 1 }]);
  workers.startAhead(key, kind.version, kind.uid, 5);
  workers.take(invocationId(1), key);
  expect([...workers.startingAhead.keys()]).toEqual([key]);
  workers.take(invocationId(2), key);
  expect(workers.startingAhead.size).toBe(0);
  workers.startAhead(key, kind.version, kind.uid, 6);
  expect(workers.aheadEnded(key)).toBe(true);
  expect(workers.aheadEnded(key)).toBe(false);
});

test("one that starts beside an idle one of its kind is ready once there is one more", () => {
  const workers = new IdleWorkers();
  workers.says([{ ...kind, count: 1 }]);
  workers.startAhead(key, kind.version, kind.uid, 5);
  workers.says([
    { ...kind, count: 1 },
    { ...kind, uid: 8, count: 1 },
  ]);
  expect([...workers.startingAhead.keys()]).toEqual([key]);
  workers.says([{ ...kind, count: 2 }]);
  expect(workers.startingAhead.size).toBe(0);
});

test("a call of another kind takes none", () => {
  const workers = new IdleWorkers();
  workers.says([{ ...kind, count: 1 }]);
  workers.take(invocationId(1), workerKey({ ...kind, uid: 8 }));
  expect([...workers.left]).toEqual([[key, 1]]);
});
