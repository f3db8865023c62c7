// Tasks join a run of their array once half of it is over, where placement would put them, and
// while nothing else waits.

import { beforeEach, expect, test } from "@jest/globals";
import type { PlacementPolicy } from "../../../../src/core/placement/placement.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { runsThatJoin } from "../../../../src/daemon/invocations/places.js";
import type { Assignment } from "../../../../src/daemon/state/assignments.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import { newTaskRun, type SharedPlace } from "../../../../src/daemon/state/shared-place.js";
import { executorId, invocationId, nodeName } from "../../../../src/model/ids.js";
import { Learner } from "../../../../src/sim/learner.js";
import { newState } from "../../../support/daemon/state.js";
import * as made from "../../../support/nouns.js";

const array = invocationId(1);
const tasks = 100;
/** Tasks of 4 ms: ten of them have one place. */
const prediction = Object.assign(new Learner(200), {
  ownRuns: () => ({ count: 1_000, meanMs: 4 }),
});
const policy: PlacementPolicy = { starvingAfterMs: 10_000, maxAssignments: 50, prediction };
let live: LiveInvocations;
let registry: Registry;
let record: ExecutorRecord;

beforeEach(() => {
  ({ live, registry } = newState());
  record = new ExecutorRecord(executorId("x1"), nodeName("n1"), "", 0);
  registry.add(record);
  record.become("starting");
  record.become("ready");
  record.line = { send: () => true, close: () => {} };
  record.claimed = { cores: 1, memoryMb: 1_000, gpus: [] };
  record.order(record.claimed);
  const invocation = made.invocation({ id: array, arrayJobId: array, arrayTaskId: 0 });
  const digest = digestOf(1_000, made.submission());
  live.addRun({ invocation, digest }, { count: tasks, step: 1 });
});

/** These run on the executor, one after another, and all are ordered. */
function begin(ids: readonly number[], place: SharedPlace = newTaskRun()): Assignment[] {
  return ids.map((id) => {
    const change = { attempt: 1, startedAtMs: 0, node: record.node };
    const begun = live.begin(live.get(invocationId(id))!, record.id, change, place);
    live.assignments.order(begun, { atMs: 0, leadMs: 0 });
    return begun;
  });
}

const joining = (change: Partial<PlacementPolicy> = {}) =>
  runsThatJoin(live, registry, { ...policy, ...change });

test("five join once five are left, and follow the last one", () => {
  const [first, ...others] = begin([1, 2, 3, 4, 5, 6]);
  expect(joining()).toEqual([]);
  live.assignments.return(first!);
  expect(joining()).toEqual([
    {
      executor: record.id,
      ids: [7, 8, 9, 10, 11],
      isSeat: false,
      joins: { place: others[0]!.place, after: { invocation: 6, attempt: 1 } },
    },
  ]);
});

test("each place of a node gets its own", () => {
  record.claimed = { cores: 2, memoryMb: 1_000, gpus: [] };
  record.order(record.claimed);
  const places = [begin([1, 2]), begin([3, 4])].map(([head]) => head!.place);
  const runs = joining();
  expect(runs.map(({ ids }) => ids.length)).toEqual([5, 5]);
  expect(new Set(runs.map(({ joins }) => joins.place))).toEqual(new Set(places));
});

test.each<[string, () => void]>([
  [
    "anything else waits",
    () => {
      const digest = digestOf(1_000, made.submission());
      live.add({ invocation: made.invocation({ id: invocationId(200), cores: 2 }), digest }, null);
    },
  ],
  [
    "an order is still to be sent",
    () => {
      const [running] = [...record.attempts.values()];
      const change = { attempt: 1, startedAtMs: 0, node: record.node };
      live.begin(live.get(invocationId(50))!, record.id, change, running!.place);
    },
  ],
  [
    "one of the run came back, since the task before it took longer than expected",
    () => live.assignments.return([...record.attempts.values()].at(-1)!, true),
  ],
  ["the node takes no work", () => record.retire("drain", "the test wants it")],
])("none joins while %s", (_when, spoil) => {
  begin([1, 2, 3]);
  spoil();
  expect(joining()).toEqual([]);
});

test("none joins a run of another array, or what runs alone", () => {
  begin([1, 2, 3]);
  for (const each of [...record.attempts.values()]) live.assignments.return(each);
  const other = made.invocation({ id: invocationId(300) });
  const digest = digestOf(1_000, made.submission());
  const single = live.add({ invocation: other, digest }, null);
  const change = { attempt: 1, startedAtMs: 0, node: record.node };
  for (const place of [null, newTaskRun()]) {
    const begun = live.begin(single, record.id, change, place);
    live.assignments.order(begun, { atMs: 0, leadMs: 0 });
    expect(joining()).toEqual([]);
    live.requeue(single, null, 0);
  }
});

test("none joins on a node that they may not have", () => {
  begin([1, 2]);
  expect(joining({ allowedTo: () => new Set() })).toEqual([]);
  expect(joining({ allowedTo: () => new Set([record.node]) })).toHaveLength(1);
});
