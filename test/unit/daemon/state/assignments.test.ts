// Which attempt runs where: known from its beginning until its end is durable, and held until it
// is returned.

import { beforeEach, expect, test } from "@jest/globals";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { Assignments } from "../../../../src/daemon/state/assignments.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import {
  freeSeats,
  newTaskRun,
  openWorker,
  placeWithSeat,
} from "../../../../src/daemon/state/shared-place.js";
import { executorId, invocationId, nodeName } from "../../../../src/model/ids.js";
import { give, newState } from "../../../support/daemon/state.js";
import { invocation, submission } from "../../../support/nouns.js";

const [x1, x2] = [executorId("x1"), executorId("x2")];
const id = invocationId(1);
let assignments: Assignments;

beforeEach(() => {
  assignments = new Assignments();
});

test("an executor holds what is begun there, and no longer once it is returned", () => {
  const [held, others] = [assignments.open(x1), assignments.open(x2)];
  const assignment = give(assignments, x1);
  expect([...held.attempts.values()]).toEqual([assignment]);
  expect([...held.holders]).toEqual([assignment]);
  expect(others.attempts.size).toBe(0);
  assignments.return(assignment);
  expect([held.attempts.size, held.holders.size]).toEqual([0, 0]);
  // Its end is not durable: no other executor may report it, and it does not begin again.
  expect(assignments.get(id)).toMatchObject({ executor: x1, state: "returned" });
  expect(() => give(assignments, x2)).toThrow(/assigned once/);
  assignments.settle(id);
  expect(assignments.get(id)).toBeUndefined();
  expect(assignment.state).toBe("settled");
});

test("an end that could not be recorded leaves the attempt where it was", () => {
  const held = assignments.open(x1);
  const assignment = give(assignments, x1);
  assignments.order(assignment, { atMs: 5, leadMs: 0 });
  assignments.return(assignment);
  assignments.undoReturn(assignment);
  expect(held.attempts.get(id)).toMatchObject({ state: "begun", ordered: { atMs: 5, leadMs: 0 } });
});

test("nothing is returned twice, and nothing is returned or kept after it is settled", () => {
  const assignment = give(assignments, x1);
  assignments.return(assignment);
  expect(() => assignments.return(assignment)).toThrow(/from returned to returned/);
  assignments.settle(id);
  expect(() => assignments.undoReturn(assignment)).toThrow(/from settled to begun/);
  expect(() => assignments.settle(id)).toThrow(/is assigned/);
});

test("of tasks that are ordered together one has the place, and then the next", () => {
  const placed: number[] = [];
  assignments = new Assignments(({ invocation }) => void placed.push(invocation));
  const { holders } = assignments.open(x1);
  const run = newTaskRun();
  const [first, second, third] = [1, 2, 3].map((each) => give(assignments, x1, each, {}, run));
  expect([...holders]).toEqual([first]);
  expect([first, second, third].map((each) => each!.waits)).toEqual([false, true, true]);
  // One that waited is returned.
  assignments.return(second!);
  expect([first, third].map((each) => each!.waits)).toEqual([false, true]);
  assignments.return(first!);
  expect(third).toMatchObject({ waits: false, follows: true });
  expect([...holders]).toEqual([third]);
  expect(placed).toEqual([3]);
  // Its executor reports it again.
  assignments.undoReturn(first!);
  expect([first, third].map((each) => each!.waits)).toEqual([false, false]);
  expect(new Set(holders)).toEqual(new Set([first, third]));
});

test("a worker that calls share is held once, and takes no more after it lost one of them", () => {
  const { holders } = assignments.open(x1);
  const openedFor = { invocation: id, attempt: 1 };
  const worker = openWorker({ key: "w", seats: 3, openedFor });
  const [first, second] = [1, 2].map((each) => give(assignments, x1, each, {}, worker));
  expect([first, second].map((each) => each!.waits)).toEqual([false, true]);
  expect(freeSeats(holders)).toEqual(new Map([["w", 1]]));
  expect(placeWithSeat(holders, "w")).toBe(worker);
  assignments.return(first!);
  expect(second!.waits).toBe(false);
  expect(freeSeats(holders)).toEqual(new Map([["w", 2]]));
  give(assignments, x1, 3, {}, worker);
  assignments.return(second!, true);
  expect(freeSeats(holders)).toEqual(new Map());
  expect(placeWithSeat(holders, "w")).toBeNull();
});

test("an executor is forgotten only when it holds nothing", () => {
  assignments.open(x1);
  const assignment = give(assignments, x1);
  expect(() => assignments.close(x1)).toThrow(/holds no attempt/);
  assignments.return(assignment);
  assignments.close(x1);
  // The end of a lost attempt may become durable later.
  assignments.settle(id);
});

test("an invocation is assigned exactly while it runs, and uses its executor's cores while it is held", () => {
  const { live, registry } = newState();
  const record = new ExecutorRecord(x1, nodeName("n1"), "n1", 0);
  record.claimed = { cores: 4, memoryMb: 800, gpus: [] };
  record.order(record.claimed);
  registry.add(record);
  const made = invocation({ cores: 3, memoryMb: 500 });
  const each = live.add({ invocation: made, digest: digestOf(1_000, submission()) }, null);
  expect(live.assignments.get(id)).toBeUndefined();
  const change = { attempt: 1, startedAtMs: 0, node: record.node };
  const first = live.begin(each, x1, change);
  expect(record).toMatchObject({ usedCores: 3, free: { cores: 1, memoryMb: 300 } });
  live.assignments.return(first);
  expect(record.usedCores).toBe(0);
  live.requeue(each, "evicted");
  expect(live.assignments.get(id)).toBeUndefined();
  live.begin(each, x1, { ...change, attempt: 2 });
  live.finish(each, { state: "COMPLETED" });
  expect(live.assignments.get(id)).toBeUndefined();
  expect(record.usedCores).toBe(0);
});

test("one that an earlier daemon began is where its record says", () => {
  const { live, registry } = newState();
  const record = new ExecutorRecord(x1, nodeName("n1"), "n1", 0);
  registry.add(record);
  const made = invocation({ state: "RUNNING", attempt: 2 });
  const ordered = { atMs: 5, leadMs: 0 };
  live.add({ invocation: made, digest: digestOf(1_000, submission()) }, { executor: x1, ordered });
  expect(record.attempts.get(id)).toMatchObject({ attempt: 2, executor: x1, ordered });
});
