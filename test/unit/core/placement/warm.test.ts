// Calls go where a worker is warm, and elsewhere when none is.

import { expect, test } from "@jest/globals";
import { place } from "../../../../src/core/placement/placement.js";
import { type Waiting, WaitingQueue } from "../../../../src/core/placement/queue.js";
import type { Slot } from "../../../../src/core/placement/slot.js";
import { executorId, invocationId, nodeName } from "../../../../src/model/ids.js";

const slot = (name: string, change: Partial<Slot> = {}): Slot => ({
  executor: executorId(name),
  node: nodeName(name),
  budgetCores: 4,
  budgetMemoryMb: 4_000,
  freeCores: 4,
  freeMemoryMb: 4_000,
  endsAtMs: null,
  ...change,
});
const call = (id: number, change: Partial<Waiting> = {}): Waiting => ({
  id: invocationId(id),
  user: "7",
  cores: 1,
  memoryMb: 100,
  gpus: 0,
  timeLimitMs: 10_000,
  submittedAtMs: 0,
  functionKey: "f",
  workerKey: "w",
  ...change,
});

function placed(waiting: readonly Waiting[], slots: readonly Slot[]) {
  const queue = new WaitingQueue();
  for (const each of waiting) queue.add(each);
  const policy = { starvingAfterMs: 10_000, maxAssignments: 100 };
  return place(queue, slots, new Map(), 1_000, policy).map(({ executor }) => executor);
}
const warm = new Map([["w", 1]]);

test("a call goes to the executor with a worker of its kind, though another fits more tightly", () => {
  const slots = [slot("tight", { freeCores: 1 }), slot("warm", { warm })];
  expect(placed([call(1)], slots)).toEqual(["warm"]);
  expect(placed([call(1, { workerKey: "other" })], slots)).toEqual(["tight"]);
  expect(placed([call(1, { workerKey: null })], slots)).toEqual(["tight"]);
});

test("one worker takes one call; the next call starts where it fits", () => {
  const slots = [slot("tight", { freeCores: 1 }), slot("warm", { warm })];
  expect(placed([call(1), call(2)], slots)).toEqual(["warm", "tight"]);
});

test.each([
  ["full", { freeCores: 0 }],
  ["short of memory", { freeMemoryMb: 50 }],
  ["about to close", { endsAtMs: 2_000 }],
] satisfies [string, Partial<Slot>][])(
  "a call passes over a warm worker whose executor is %s",
  (_, change) => {
    expect(placed([call(1)], [slot("cold"), slot("warm", { warm, ...change })])).toEqual(["cold"]);
  },
);
