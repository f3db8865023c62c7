// Which tasks of an array are ordered together: short ones that found no place, in turn, and no
// more than nobody notices.

import { expect, test } from "@jest/globals";
import type { Prediction } from "../../../../src/core/placement/placement.js";
import { type PlacedTask, runsOf } from "../../../../src/core/placement/task-runs.js";
import type { Waiting } from "../../../../src/core/placement/waiting.js";
import { executorId, invocationId } from "../../../../src/model/ids.js";

const array = invocationId(1);
const executor = executorId("x1");
const waitingAs = (id: number): Waiting => ({
  ...{ id: invocationId(id), user: "ada", cores: 1, memoryMb: 100, gpus: 0 },
  ...{ timeLimitMs: 60_000, submittedAtMs: 0 },
});
const runOf = (from: number, to: number) => ({
  fromId: invocationId(from),
  toId: invocationId(to),
  at: waitingAs,
  part: runOf,
});
const placed = (ids: readonly number[]) =>
  ids.map((id) => ({ invocation: invocationId(id), executor }));
const knowing = (count: number, meanMs: number) =>
  ({ ownRuns: () => ({ count, meanMs }) }) as unknown as Prediction;
const tasks = (to: number) => (id: number) => {
  const task: PlacedTask = { array, waiting: waitingAs(id), alike: [runOf(1, to)] };
  return task;
};
const idsOf = (runs: ReturnType<typeof runsOf>) => runs.map(({ ids }) => ids.map(Number));

test("tasks without a place join those of their array that have one, as many each", () => {
  expect(idsOf(runsOf(placed([1, 2]), knowing(100, 1), tasks(7)))).toEqual([
    [1, 3, 4, 5],
    [2, 6, 7],
  ]);
});

test.each([
  ["are expected to take 40 ms together", knowing(100, 10), 4],
  ["has been run before", knowing(3, 1), 3],
  ["fit well into one order", knowing(1_000, 0.1), 128],
  ["takes long is ordered alone", knowing(100, 50), 1],
])("no more than %s", (_what, prediction, length) => {
  expect(idsOf(runsOf(placed([1]), prediction, tasks(200)))[0]).toHaveLength(length);
});

test("what nobody knows yet is ordered alone, and so is what needs a place of its own", () => {
  const unknown = { ownRuns: () => null } as unknown as Prediction;
  for (const prediction of [unknown, undefined])
    expect(idsOf(runsOf(placed([1]), prediction, tasks(9)))).toEqual([[1]]);
  expect(idsOf(runsOf(placed([1]), knowing(100, 1), () => null))).toEqual([[1]]);
});
