// The calls of a run are one order for an executor that takes it so, and orders of their own for an
// older one; what must not run any more is in neither.

import { beforeEach, expect, test } from "@jest/globals";
import { digestOf } from "../../../../../src/core/submission/digest.js";
import type { EndFacts } from "../../../../../src/daemon/invocations/ends/end-facts.js";
import { Ordering } from "../../../../../src/daemon/invocations/orders/ordering.js";
import type { Assignment } from "../../../../../src/daemon/state/assignments.js";
import { ExecutorRecord } from "../../../../../src/daemon/state/executor-record.js";
import type { Live } from "../../../../../src/daemon/state/live-invocation.js";
import { newTaskRun } from "../../../../../src/daemon/state/shared-place.js";
import type { Payload } from "../../../../../src/model/call.js";
import { executorId, invocationId, nodeName } from "../../../../../src/model/ids.js";
import type { Submission } from "../../../../../src/model/invocation.js";
import { checkDaemonMessage } from "../../../../../src/wire/checks.js";
import type { AttemptOrder, DaemonMessage } from "../../../../../src/wire/messages.js";
import { ordersOfRun } from "../../../../../src/wire/orders.js";
import { newState } from "../../../../support/daemon/state.js";
import { invocation, submission } from "../../../../support/nouns.js";

const array = invocationId(100);
const count = 4;
const settings = {
  ...{ runtime: "node", handler: null, concurrency: 1, fork: false, python: null, setup: null },
  ...{ image: null, idleTimeoutMs: null, environment: {} },
};
const called = {
  ...{ kind: "call", function: "ada/f", version: "5e".repeat(32), bundleBytes: 1, settings },
} as unknown as Submission["command"];
const terms = submission({ command: called });

interface Task {
  readonly live: Live;
  readonly assignment: Assignment;
  readonly input: Payload;
}

let state: ReturnType<typeof newState>;
let record: ExecutorRecord;
let sent: DaemonMessage[];
let ends: EndFacts[];
let kept: [task: number, isBehind: boolean][];
let tasks: Task[];
let ordering: Ordering;

beforeEach(() => {
  state = newState();
  [sent, ends, kept] = [[], [], []];
  record = new ExecutorRecord(executorId("e"), nodeName("n1"), "n1", 0);
  record.line = { send: (message) => sent.push(message) > 0, close: () => {} };
  record.takesRuns = true;
  state.registry.add(record);
  const { live } = state;
  const first = invocation({ id: array, arrayJobId: array, arrayTaskId: 0 });
  live.addRun({ invocation: first, digest: digestOf(1_000, terms) }, { count, step: 1 });
  const place = newTaskRun();
  const change = { attempt: 1, startedAtMs: 1, node: record.node };
  tasks = Array.from({ length: count }, (_, task) => {
    const own = live.get(invocationId(array + task))!;
    const assignment = live.begin(own, record.id, change, place);
    return { live: own, assignment, input: { contentType: "", body: Buffer.from(`${task}`) } };
  });
  ordering = new Ordering({
    live,
    settler: { settleSurely: async (facts) => void ends.push(facts) },
    checkpoints: { pathFor: () => null },
    keepAlive: { keepMs: ({ id }, _, isBehind) => kept.push([id - array, isBehind]) && null },
    kick: () => {},
  });
});

const textOf = (command: AttemptOrder["command"]): string => {
  const input = command.kind === "call" ? command.input : null;
  return input !== null && "body" in input ? Buffer.from(input.body).toString() : "";
};

/** As its executor has them. */
const ordered = () =>
  sent
    .map((message) => checkDaemonMessage(message))
    .flatMap((message): readonly AttemptOrder[] => {
      if (message.type === "start") return [message.order];
      return message.type === "startRun" ? ordersOfRun(message.order, message.rest) : [];
    })
    .map(({ invocation: id, attempt, after, command }) => ({
      task: id - array,
      attempt,
      after: after === undefined ? null : after.invocation - array,
      input: textOf(command),
    }));

const usual = [0, 1, 2, 3].map((task) => ({
  ...{ task, attempt: 1, after: task === 0 ? null : task - 1, input: `${task}` },
}));

test("an executor that takes runs gets one order for all", () => {
  ordering.inTurn(tasks, record, terms);
  expect(sent.map(({ type }) => type)).toEqual(["startRun"]);
  expect(ordered()).toEqual(usual);
  expect(tasks.every(({ assignment }) => assignment.ordered !== null)).toBe(true);
  expect(kept).toEqual([[0, false]]);
});

test("an older executor gets an order for each", () => {
  record.takesRuns = false;
  ordering.inTurn(tasks, record, terms);
  expect(kept).toEqual([0, 1, 2, 3].map((task) => [task, task > 0]));
  expect(sent.map(({ type }) => type)).toEqual(["start", "start", "start", "start"]);
  expect(ordered()).toEqual(usual);
});

test("the order omits what was cancelled or not recorded", () => {
  tasks[0]!.live.endReason = "cancelled by ada";
  ordering.inTurn([tasks[0]!, tasks[1]!, null, tasks[3]!], record, terms);
  expect(ordered().map(({ task, after }) => [task, after])).toEqual([
    [1, null],
    [3, 1],
  ]);
  expect(ends).toMatchObject([{ invocation: array, end: "CANCELLED", wallMs: 0 }]);
});

test("long inputs come in several messages, each behind the one before it", () => {
  const body = Buffer.alloc(30_000, "x");
  const long = tasks.map((each) => ({ ...each, input: { contentType: "", body } }));
  ordering.inTurn(long, record, terms);
  expect(sent.map(({ type }) => type)).toEqual(["startRun", "startRun"]);
  expect(ordered().map(({ task, after }) => [task, after])).toEqual([
    [0, null],
    [1, 0],
    [2, 1],
    [3, 2],
  ]);
});

test("without a connection nothing counts as ordered", () => {
  record.line = null;
  ordering.inTurn(tasks, record, terms);
  expect(tasks.every(({ assignment }) => assignment.ordered === null)).toBe(true);
});

test("what cannot be sent fails", () => {
  const send = () => {
    throw new Error("too long");
  };
  record.line = { send, close: () => {} };
  ordering.inTurn(tasks, record, terms);
  expect(ends.map(({ invocation: id, end }) => [id - array, end])).toEqual(
    [0, 1, 2, 3].map((task) => [task, "FAILED"]),
  );
});
