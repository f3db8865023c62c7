// Which tasks are ordered behind a run before it ends: those of its own array, and only while
// nobody else waits for a place.

import { beforeEach, expect, test } from "@jest/globals";
import type { Prediction } from "../../../../src/core/placement/placement.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { RunningRuns } from "../../../../src/daemon/invocations/running-runs.js";
import {
  type Assignment,
  newTaskRun,
  type TaskRun,
} from "../../../../src/daemon/state/assignments.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import {
  executorId,
  type InvocationId,
  invocationId,
  nodeName,
} from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import { invocation, submission } from "../../../support/nouns.js";

const array = invocationId(1);
const budget = { cores: 4, memoryMb: 4_000, gpus: [] };
/** Eight of them take 40 ms. */
const prediction = {
  ownRuns: () => ({ count: 100, meanMs: 5 }),
  vacateMs: 1_000,
} as unknown as Prediction;

let state: ReturnType<typeof newState>;
let record: ExecutorRecord;
let runs: RunningRuns;
let run: TaskRun;
let begun: Assignment[];

beforeEach(() => {
  state = newState();
  record = new ExecutorRecord(executorId("x1"), nodeName("n1"), "n1", 0);
  state.registry.add(record);
  record.become("starting");
  record.become("ready");
  record.line = { send: () => true, close: () => {} };
  record.claimed = budget;
  record.order(budget);
  runs = new RunningRuns(state.live, state.registry, prediction);
  addArray(1, 20);
  run = newTaskRun();
  begun = [1, 2, 3, 4, 5].map((id) => begin(invocationId(id)));
  runs.add(run, { executor: record.id, array });
  end(begun[0]!);
});

function addArray(firstId: number, count: number, change: object = {}): void {
  const id = invocationId(firstId);
  const digest = digestOf(1_000, submission());
  const first = invocation({ id, arrayJobId: id, arrayTaskId: 0, ...change });
  state.live.addRun({ invocation: first, digest }, { count, step: 1 });
}

function begin(id: InvocationId): Assignment {
  const change = { attempt: 1, startedAtMs: 0, node: record.node };
  const assignment = state.live.begin(state.live.get(id)!, record.id, change, run);
  state.live.assignments.order(assignment, { atMs: 0, leadMs: 0 });
  return assignment;
}

const end = (assignment: Assignment) => state.live.assignments.return(assignment);
const followers = (nowMs = 0) => runs.followers(nowMs).map(({ ids }) => ids);

test("half a run follows when half of it is left, and then the rest of the array", () => {
  expect(followers()).toEqual([[6, 7, 8, 9]]);
  for (const id of [6, 7, 8, 9]) begin(invocationId(id));
  expect(followers()).toEqual([]);
  for (const each of begun.slice(1)) end(each);
  expect(followers()).toEqual([[10, 11, 12, 13]]);
});

test("nothing follows while something else waits for a place", () => {
  addArray(100, 1, { cores: 2 });
  expect(followers()).toEqual([]);
});

test("nothing follows before all that is behind it already has been ordered", () => {
  const change = { attempt: 1, startedAtMs: 0, node: record.node };
  end(begun[1]!);
  state.live.begin(state.live.get(invocationId(6))!, record.id, change, run);
  expect(followers()).toEqual([]);
});

test("nothing follows on an executor that leaves, is too full or loses its node soon", () => {
  record.hole = { endsAtMs: 1_000 };
  expect(followers()).toEqual([]);
  expect(followers(-1_000)).toHaveLength(1);
  record.hole = { endsAtMs: null };
  record.claimed = { ...budget, cores: 0 };
  expect(followers()).toEqual([]);
  record.claimed = budget;
  record.retire("drain", "it is drained");
  expect(followers()).toEqual([]);
});

test("a run that has ended has no followers", () => {
  for (const each of begun.slice(1)) end(each);
  expect(followers()).toEqual([]);
});
