// Cancelling a whole queue: one transaction, a count, executors told about running ones, and the
// daemon answers others meanwhile.

import { beforeEach, expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { newTasks } from "../../../../src/core/submission/new-tasks.js";
import { cancel, holdHandlers } from "../../../../src/daemon/api/cancel.js";
import type { InvocationRoutes } from "../../../../src/daemon/api/invocations.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import {
  executorId,
  type InvocationId,
  invocationId,
  nodeName,
} from "../../../../src/model/ids.js";
import type { Change } from "../../../../src/model/invocation.js";
import type { HoldAnswer } from "../../../../src/wire/api/types.js";
import type { AttemptKey } from "../../../../src/wire/messages.js";
import { newState } from "../../../support/daemon/state.js";
import { sampleAttempt, sampleRequest } from "../../../support/store/samples.js";
import { storeForEachTest } from "../../../support/store/store.js";

const arrays = 5;
const tasks = Array.from({ length: 10_000 }, (_, task) => task);
const operator = { uid: 0, gid: 0, user: "root", operator: true };
const ada = { uid: 1_000, gid: 100, user: "ada", operator: false };
const bob = { uid: 1_001, gid: 100, user: "bob", operator: false };

let store: Store;
let live: LiveInvocations;
let registry: Registry;
let told: InvocationId[];
let transactions: number;
let routes: InvocationRoutes;
storeForEachTest((opened) => {
  store = opened;
});

beforeEach(() => {
  ({ live, registry } = newState());
  told = [];
  transactions = 0;
  const counting = {
    ...store,
    endPending: (...args: Parameters<Store["endPending"]>) => {
      transactions++;
      return store.endPending(...args);
    },
  };
  const cancel = (_record: object, { invocation }: AttemptKey) => told.push(invocation);
  const executors = { cancel };
  const accounts = { byName: async () => null };
  routes = { store: counting, live, registry, executors, accounts } as unknown as InvocationRoutes;
});

async function submit(name: string, of: typeof ada, numbers: readonly number[] | null) {
  const request = sampleRequest(name, { ...of, tasks: numbers });
  const digest = digestOf(of.uid, request.submission);
  const { id, tasks } = await store.submit(request);
  for (const { invocation, run } of newTasks(request, id))
    if (run === undefined) live.add({ invocation, digest }, null);
    else live.addRun({ invocation, digest }, run);
  return Array.from({ length: tasks }, (_, at) => live.get(invocationId(id + at))!);
}

test("50,000 invocations of a user are cancelled together, and executors are told of the running ones", async () => {
  for (let each = 0; each < arrays; each++) await submit(`array ${each}`, ada, tasks);
  const [running] = await submit("runs", ada, null);
  const [other] = await submit("other", bob, null);
  const record = new ExecutorRecord(executorId("e1"), nodeName("n1"), "", 0);
  registry.add(record);
  await store.beginAttempt(sampleAttempt(running!.invocation.id));
  live.begin(running!, record.id, { attempt: 1, startedAtMs: 1, node: record.node });

  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  count();
  const answer = await cancel(routes, operator, { ids: [], user: "ada" });
  isDone = true;

  expect(answer).toEqual({ cancelled: arrays * tasks.length + 1, problems: [] });
  expect(transactions).toBe(1);
  expect(told).toEqual([running!.invocation.id]);
  expect(running!.endReason).toMatch(/^cancelled by /);
  expect(turns).toBeGreaterThan(10);
  expect(live.queue.size).toBe(1);
  const left = await store.loadLive(0, 10);
  expect(left.map(({ invocation }) => invocation.id)).toEqual([
    running!.invocation.id,
    other!.invocation.id,
  ]);
}, 60_000);

test("12,000 runs of one array are cancelled while others have their turn, with a task that begins then", async () => {
  const pairs = Array.from({ length: 12_000 }, (_, at) => [3 * at, 3 * at + 1]).flat();
  const last = (await submit("pairs", ada, pairs)).at(-1)!;
  expect([live.room.countRuns(), live.room.countRuns(ada.uid)]).toEqual([12_000, 12_000]);
  const record = new ExecutorRecord(executorId("e1"), nodeName("n1"), "", 0);
  registry.add(record);
  const beginLast = (): void => {
    if (live.queue.size === pairs.length) setImmediate(beginLast);
    else if (live.room.has(last.id))
      live.begin(live.get(last.id)!, record.id, { attempt: 1, startedAtMs: 1, node: record.node });
  };
  beginLast();
  const { cancelled } = await cancel(routes, operator, { ids: [], user: "ada" });
  expect([cancelled, transactions, told]).toEqual([pairs.length, 1, [last.id]]);
  expect([live.queue.size, live.room.countRuns(), live.room.countRuns(ada.uid)]).toEqual([0, 0, 0]);
}, 60_000);

test("all invocations keep waiting if the store refuses", async () => {
  await submit("array", ada, [1, 2, 3]);
  routes = {
    ...routes,
    store: { ...store, endPending: () => Promise.reject(new Error("the disk is full")) },
  };
  await expect(cancel(routes, ada, { ids: [], user: "ada" })).rejects.toThrow("the disk is full");
  expect(live.queue.size).toBe(3);
});

test("a user cancels their own invocations by id, and learns which are not theirs; what has ended is no problem", async () => {
  const [task] = await submit("array", ada, [1, 2, 3]);
  const [single] = await submit("single", ada, null);
  const [foreign] = await submit("foreign", bob, null);
  const array = task!.invocation.id;
  const ids = [`${array}_2`, String(single!.invocation.id), String(foreign!.invocation.id), "99"];
  const answer = await cancel(routes, ada, { ids });
  expect(answer.cancelled).toBe(2);
  expect(answer.problems).toEqual([
    expect.stringMatching(/belongs to another user/),
    expect.stringMatching(/there is no invocation 99/),
  ]);
  const skipped = await cancel(routes, ada, { ids: ["99", ids[2]!], skipUnknown: true });
  expect(skipped.problems).toEqual([answer.problems[0]]);
  expect((await cancel(routes, ada, { ids: [String(array)] })).cancelled).toBe(2);
  expect(await cancel(routes, ada, { ids: [String(array)] })).toEqual({
    cancelled: 0,
    problems: [],
  });
});

test("a signal goes to what runs on connected nodes, and a sentence says what gets none", async () => {
  const [running, ...waiting] = await submit("array", ada, [1, 2, 3]);
  const [foreign] = await submit("foreign", bob, null);
  const record = new ExecutorRecord(executorId("e1"), nodeName("n1"), "", 0);
  registry.add(record);
  await store.beginAttempt(sampleAttempt(running!.invocation.id));
  live.begin(running!, record.id, { attempt: 1, startedAtMs: 1, node: record.node });
  const [one, all] = [`${running!.id}_1`, String(running!.id)];
  const signal = { number: 10, to: "script" } as const;
  const ask = (ids: string[]) => cancel(routes, ada, { ids, signal });
  expect((await ask([one])).problems).toEqual([
    `no signal was sent to ${one}: its node is not connected now: try again in 10 s`,
  ]);

  const sent: unknown[] = [];
  record.line = { send: (message: unknown) => sent.push(message) } as never;
  expect(await ask([all])).toEqual({
    cancelled: 1,
    problems: [`no signal was sent to ${all}_2 and 1 other: only what runs takes signals`],
  });
  const order = { type: "signal", key: { invocation: running!.id, attempt: 1 }, signal: 10 };
  expect(sent).toEqual([{ ...order, to: "script" }]);
  expect((await ask([String(foreign!.id), one])).problems).toEqual([
    expect.stringMatching(/belongs to another user/),
  ]);
  expect(await cancel(routes, ada, { ids: [], user: "ada", signal })).toEqual({
    cancelled: 1,
    problems: [],
  });
  expect(sent).toHaveLength(3);
  const steps = await cancel(routes, ada, {
    ids: [`${all}_2`],
    signal: { number: 9, to: "steps" },
  });
  expect(steps).toMatchObject({
    cancelled: 0,
    problems: [expect.stringMatching(/only what runs/)],
  });
  // KILL to the script alone also ends what waits.
  const kill = { number: 9, to: "script" } as const;
  expect(await cancel(routes, ada, { ids: [all], signal: kill })).toMatchObject({ cancelled: 3 });
  expect(waiting.map(({ id }) => live.has(id))).toEqual([false, false]);
  expect((await ask([`${all}_2`])).problems).toEqual([`${all}_2 has ended`]);
});

test("a requeued array ends what runs of it, and what waits goes on waiting", async () => {
  const [running, waiting] = await submit("array", ada, [1, 2]);
  const record = new ExecutorRecord(executorId("e1"), nodeName("n1"), "", 0);
  registry.add(record);
  await store.beginAttempt(sampleAttempt(running!.invocation.id));
  live.begin(running!, record.id, { attempt: 1, startedAtMs: 1, node: record.node });
  const { requeue } = holdHandlers(routes as unknown as Parameters<typeof holdHandlers>[0]);
  const asked = { caller: ada, body: { ids: [String(running!.id)] }, request: {} };
  expect(await requeue(asked as never)).toEqual({ problems: [] });
  expect(told).toEqual([running!.id]);
  expect(running!.requeueRequested).toBe(true);
  expect(live.get(waiting!.id)).toMatchObject({ state: "PENDING" });
});

test("what has ended is neither held nor requeued, and says so", async () => {
  const [first] = await submit("ended", ada, [1, 2]);
  const all = String(first!.id);
  await cancel(routes, ada, { ids: [`${all}_1`] });
  const changed: unknown[] = [];
  const changes = { setHeld: async (...asked: unknown[]) => void changed.push(asked) };
  const { hold, requeue } = holdHandlers({ ...routes, changes } as never);
  const problemsOf = async (id: string) => {
    const asked = { caller: ada, body: { ids: [id], held: false }, request: {} } as never;
    const problems = await Promise.all([hold(asked), requeue(asked)]);
    return problems.flatMap((answer) => (answer as HoldAnswer).problems);
  };
  const says = (id: string) => [
    `${id} has ended, and stays as it was`,
    expect.stringMatching(`^${id} has ended, .* scontrol write batch_script ${id} - prints$`),
  ];
  expect(await problemsOf(`${all}_1`)).toEqual(says(`${all}_1`));
  expect(await problemsOf(all)).toEqual([]);
  expect(changed).toEqual([[first!.id, false]]);
  await cancel(routes, ada, { ids: [all] });
  expect(await problemsOf(all)).toEqual(says(all));
});

test("a task goes by its own id, too, as in its SLURM_JOB_ID", async () => {
  const [first, second, third] = await submit("own ids", ada, [1, 2, 3]);
  const changed: unknown[] = [];
  const changes = { setTaskHeld: async (...asked: unknown[]) => void changed.push(asked) };
  const { hold, requeue, update } = holdHandlers({ ...routes, changes } as never);
  const own = String(second!.id);
  const asked = { caller: ada, body: { ids: [own], held: true }, request: {} } as never;
  expect([await hold(asked), await requeue(asked), await update(asked)]).toEqual([
    { problems: [] },
    { problems: [] },
    {
      problems: [
        `${own} is a task, and the tasks of an array have these in common: name ${first!.id}`,
      ],
    },
  ]);
  expect(changed).toEqual([[first!.id, 2, true]]);
  expect(await cancel(routes, ada, { ids: [own] })).toEqual({ cancelled: 1, problems: [] });
  expect([first, second, third].map((task) => live.has(task!.id))).toEqual([true, false, true]);
});

test("a changed time limit goes to the nodes of what runs; one task alone gets none", async () => {
  const [running, waiting] = await submit("array", ada, [1, 2]);
  const record = new ExecutorRecord(executorId("e1"), nodeName("n1"), "", 0);
  registry.add(record);
  await store.beginAttempt(sampleAttempt(running!.id));
  live.begin(running!, record.id, { attempt: 1, startedAtMs: 1, node: record.node });
  const sent: unknown[] = [];
  record.line = { send: (message: unknown) => sent.push(message) } as never;
  const byOperator: boolean[] = [];
  const changes = {
    update: async (_id: InvocationId, { timeLimitMs }: Change, isOperator: boolean) => {
      byOperator.push(isOperator);
      const { submission } = running!;
      submission.requested = { ...submission.requested, timeLimitMs: timeLimitMs! };
    },
  };
  const { update } = holdHandlers({ ...routes, changes } as never);
  const ask = async (caller: typeof ada, id: string, timeLimitMs: number) =>
    update({ caller, body: { ids: [id], timeLimitMs }, request: {} } as never);
  expect(await ask(ada, String(running!.id), 5_000)).toEqual({ problems: [] });
  expect(await ask(operator, String(running!.id), 9_000)).toEqual({ problems: [] });
  const key = { invocation: running!.id, attempt: 1 };
  expect(sent).toEqual([5_000, 9_000].map((timeLimitMs) => ({ type: "limit", key, timeLimitMs })));
  expect(byOperator).toEqual([false, true]);
  expect(await ask(ada, `${running!.id}_1`, 5_000)).toEqual({
    problems: [expect.stringMatching(/is a task, and the tasks of an array/)],
  });
  // It is told with its order.
  expect(waiting!.timeLimitMs).toBe(9_000);
});
