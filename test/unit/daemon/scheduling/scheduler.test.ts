// What waits for more than a place: it starts when its schedule allows it, also after a restart of
// gleanerd, and is never in the queue before.

import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { nowMs } from "../../../../src/clock.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { changedSubmission } from "../../../../src/core/scheduling/change.js";
import type { AdmissionPolicy } from "../../../../src/core/submission/admission.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { newTasks } from "../../../../src/core/submission/new-tasks.js";
import { Changes } from "../../../../src/daemon/scheduling/changes.js";
import { Scheduler } from "../../../../src/daemon/scheduling/scheduler.js";
import type { Events } from "../../../../src/daemon/state/events.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import {
  executorId,
  type InvocationId,
  invocationId,
  nodeName,
} from "../../../../src/model/ids.js";
import type { AttemptEnd, Change, Schedule } from "../../../../src/model/invocation.js";
import { newState } from "../../../support/daemon/state.js";
import { sampleAttempt, sampleRequest, sampleResult } from "../../../support/store/samples.js";
import { storeForEachTest } from "../../../support/store/store.js";

const policy: AdmissionPolicy = {
  defaultMemoryPerCoreMb: 100,
  defaultTimeLimitMs: 60_000,
  maxTimeLimitMs: 3_600_000,
  maxArrayTasks: 10,
  maxPending: 100,
  maxPendingEntries: 100,
  maxDocumentsMb: 1,
  maxScriptBytes: 1_000,
  maxEnvironmentBytes: 1_000,
  allowRootFunctions: false,
};

const owner = { uid: 1_000, gid: 100, user: "ada" };

let store: Store;
let live: LiveInvocations;
let events: Events;
let changes: Changes;
let kicked: () => void;
storeForEachTest((opened) => {
  store = opened;
});

/** A gleanerd that has just started. */
function start(): void {
  ({ live, events } = newState());
  kicked = () => undefined;
  const dispatcher = { kick: () => kicked() };
  const log = pino({ level: "silent" });
  const scheduler = new Scheduler({ live, store, events, dispatcher, log });
  changes = new Changes({ live, store, scheduler, admission: policy });
}
beforeEach(start);

/** As its owner, who is no operator. */
const update = (id: InvocationId, change: Change, byOperator = false): Promise<void> =>
  changes.update(id, change, byOperator);

/** Resolves after the scheduler has examined something until this holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds())
    await new Promise<void>((resolve) => {
      kicked = resolve;
    });
}

async function submit(
  schedule: Schedule | null,
  { tasks = null as readonly number[] | null, name = "sum" } = {},
): Promise<InvocationId> {
  const sample = sampleRequest(`r${Math.random()}`, { ...owner, tasks });
  const submission = { ...sample.submission, name, ...(schedule !== null && { schedule }) };
  const request = { ...sample, submission };
  const digest = digestOf(owner.uid, submission);
  const { id } = await store.submit(request);
  for (const { invocation, run } of newTasks(request, id))
    if (run === undefined) live.add({ invocation, digest }, null);
    else live.addRun({ invocation, digest }, run);
  return id;
}

async function restart(): Promise<void> {
  start();
  for (const each of await store.loadLive(0, 1_000))
    if (each.run === undefined) live.add(each, null);
    else live.addRun(each, each.run);
}

async function begin(id: InvocationId): Promise<void> {
  const found = live.get(id)!;
  await store.beginAttempt(sampleAttempt(id));
  const change = { attempt: 1, startedAtMs: nowMs(), node: nodeName("n1") };
  live.begin(found, executorId("e1"), change);
}

async function end(id: InvocationId, how: AttemptEnd & ("COMPLETED" | "FAILED") = "COMPLETED") {
  await store.endAttempt(sampleResult(id, 1, how));
  live.finish(live.get(id)!, { state: how, endedAtMs: nowMs() });
}

const isReady = (id: InvocationId): boolean => live.queue.has(id);
const reasonOf = (id: InvocationId): string =>
  (live.get(id)?.invocation.reason ?? "").split(":")[0]!;
const after = (kind: "afterok" | "afternotok" | "aftercorr" | "after", of: InvocationId) => ({
  dependency: { any: false, on: [{ kind, of: String(of) }] },
});

test("an invocation without a schedule waits for a place alone", async () => {
  expect(isReady(await submit(null))).toBe(true);
});

test("a dependency is met by a success, and never by a failure", async () => {
  const [good, bad] = [await submit(null), await submit(null)];
  const onGood = await submit(after("afterok", good));
  const onBad = await submit(after("afterok", bad));
  await until(() => reasonOf(onBad) === "Dependency");
  expect([isReady(onGood), isReady(onBad)]).toEqual([false, false]);
  for (const id of [good, bad]) await begin(id);
  await end(good);
  await end(bad, "FAILED");
  await until(() => isReady(onGood) && reasonOf(onBad) === "DependencyNeverSatisfied");
  expect(isReady(onBad)).toBe(false);
  expect(isReady(await submit(after("afternotok", bad)))).toBe(false);
});

test("a dependency that ended while gleanerd was down is known after its start", async () => {
  const bad = await submit(null);
  const [onOk, onNot] = [
    await submit(after("afterok", bad)),
    await submit(after("afternotok", bad)),
  ];
  await begin(bad);
  await end(bad, "FAILED");
  await restart();
  await until(() => isReady(onNot) && reasonOf(onOk) === "DependencyNeverSatisfied");
});

test("it is cancelled once it can never start, if that was asked for", async () => {
  const bad = await submit(null);
  const { dependency } = after("afterok", bad);
  const doomed = await submit({ dependency: { ...dependency, endIfNever: true } });
  await begin(bad);
  await end(bad, "FAILED");
  await until(() => !live.has(doomed) || live.get(doomed)!.state !== "PENDING");
  const [found] = await store.listInvocations({ ids: [doomed], limit: 1 });
  expect(found).toMatchObject({ state: "CANCELLED", reason: expect.stringMatching(/never/) });
});

test("`after` is met by a start, singleton by the end of all of the same name", async () => {
  const first = await submit(null, { name: "one" });
  const onStart = await submit(after("after", first));
  const only = await submit(
    { dependency: { any: false, on: [{ kind: "singleton" }] } },
    { name: "one" },
  );
  await until(() => reasonOf(onStart) === "Dependency" && reasonOf(only) === "Dependency");
  await begin(first);
  await until(() => isReady(onStart));
  expect(isReady(only)).toBe(false);
  await end(first, "FAILED");
  await until(() => isReady(only));
});

test("an array runs no more tasks at once than it may, over evictions too", async () => {
  const array = await submit({ mostRunning: 2 }, { tasks: [0, 1, 2, 3, 4] });
  const id = (task: number) => invocationId(array + task);
  const ready = () => [0, 1, 2, 3, 4].filter((task) => isReady(id(task)));
  await until(() => ready().length > 0);
  expect(ready()).toEqual([0, 1]);
  expect(reasonOf(id(2))).toBe("JobArrayTaskLimit");
  await begin(id(0));
  await begin(id(1));
  live.requeue(live.get(id(1))!, "evicted");
  await until(() => ready().length > 0);
  expect(ready()).toEqual([1]);
  await end(id(0));
  await until(() => ready().length > 1);
  expect(ready()).toEqual([1, 2]);
});

test("each task of an array may follow the same task of another", async () => {
  const first = await submit(null, { tasks: [1, 2, 3] });
  const second = await submit(after("aftercorr", first), { tasks: [1, 2, 3] });
  const task = (of: InvocationId, number: number) => invocationId(of + number - 1);
  await begin(task(first, 2));
  await end(task(first, 2));
  await until(() => isReady(task(second, 2)));
  await begin(task(first, 3));
  await end(task(first, 3), "FAILED");
  await restart();
  await until(() => isReady(task(second, 2)));
  expect([1, 3].map((number) => isReady(task(second, number)))).toEqual([false, false]);
});

test("what is held starts when it is released, and both outlive a restart", async () => {
  const [held, queued] = [await submit({ held: true }), await submit(null)];
  await until(() => reasonOf(held) === "JobHeldUser");
  await changes.setHeld(queued, true);
  expect(isReady(queued)).toBe(false);
  await changes.setHeld(held, false);
  await until(() => isReady(held) && reasonOf(queued) === "JobHeldUser");
  await restart();
  await until(() => isReady(held) && reasonOf(queued) === "JobHeldUser");
});

test("one task of an array is held, and the others start; both outlive a restart", async () => {
  const array = await submit(null, { tasks: [0, 1, 2, 3] });
  const id = (task: number) => invocationId(array + task);
  await changes.setTaskHeld(array, 2, true);
  const ready = () => [0, 1, 2, 3].filter((task) => isReady(id(task)));
  await until(() => ready().length > 0);
  expect([ready(), reasonOf(id(2))]).toEqual([[0, 1, 3], "JobHeldUser"]);
  await restart();
  await until(() => ready().length > 0);
  expect([ready(), reasonOf(id(2))]).toEqual([[0, 1, 3], "JobHeldUser"]);
  await changes.setTaskHeld(array, 2, false);
  await until(() => isReady(id(2)));
});

test("one task of an array that is held is released, and the others stay held", async () => {
  const array = await submit({ held: true }, { tasks: [0, 1, 2, 3] });
  const id = (task: number) => invocationId(array + task);
  const ready = () => [0, 1, 2, 3].filter((task) => isReady(id(task)));
  await until(() => reasonOf(id(2)) === "JobHeldUser");
  await changes.setTaskHeld(array, 2, false);
  await until(() => ready().length > 0);
  expect([ready(), reasonOf(id(0))]).toEqual([[2], "JobHeldUser"]);
  await restart();
  await until(() => ready().length > 0);
  expect([ready(), reasonOf(id(3))]).toEqual([[2], "JobHeldUser"]);
  await changes.setHeld(array, false);
  await until(() => ready().length === 4);
});

test("no task of a held array of more than 1,001 is released alone", async () => {
  const tasks = Array.from({ length: 1_002 }, (_, task) => task);
  const array = await submit({ held: true }, { tasks });
  await expect(changes.setTaskHeld(array, 2, false)).rejects.toMatchObject({
    code: "LIMIT_REACHED",
    message: expect.stringContaining("has 1002 tasks") as unknown,
  });
  await until(() => reasonOf(invocationId(array + 2)) === "JobHeldUser");
  await changes.setHeld(array, false);
  await until(() => isReady(invocationId(array + 2)));
});

test("it begins at its time, and is cancelled when it could not end before its deadline", async () => {
  const later = await submit({ beginAtMs: nowMs() + 80 });
  await until(() => reasonOf(later) === "BeginTime");
  await until(() => isReady(later));
  const late = await submit({ deadlineAtMs: nowMs() + 60_000 + 80 });
  await until(() => isReady(late));
  await until(() => !live.room.has(late));
  await changes.setHeld(late, true);
  const [found] = await store.listInvocations({ ids: [late], limit: 1 });
  expect(found?.reason).toMatch(/^DeadLine/);
});

test("a held task waits also behind a task that was tried again", async () => {
  const array = await submit({ mostRunning: 1, retries: 2 }, { tasks: [1, 2] });
  const id = (task: number) => invocationId(array + task - 1);
  await until(() => isReady(id(1)));
  await begin(id(1));
  await changes.setTaskHeld(array, 2, true);
  live.requeue(live.get(id(1))!, "it failed");
  await until(() => isReady(id(1)));
  expect(isReady(id(2))).toBe(false);
  const change = { attempt: 2, startedAtMs: nowMs(), node: nodeName("n1") };
  live.begin(live.get(id(1))!, executorId("e1"), change);
  live.finish(live.get(id(1))!, { state: "COMPLETED", endedAtMs: nowMs() });
  await until(() => reasonOf(id(2)) === "JobHeldUser");
  await new Promise((done) => setImmediate(done));
  expect(isReady(id(2))).toBe(false);
});

test("name, time limit and comment change, and outlive a restart", async () => {
  const id = await submit(null);
  await update(id, { name: "better", timeLimitMs: 5_000, comment: "why" });
  await until(() => isReady(id));
  expect(live.get(id)!.invocation).toMatchObject({ name: "better", timeLimitMs: 5_000 });
  await restart();
  await until(() => isReady(id));
  expect(live.get(id)!.invocation).toMatchObject({ name: "better", timeLimitMs: 5_000 });
  const terms = { name: "better", timeLimitMs: 5_000, comment: "why" };
  expect(await store.submissionOf(id)).toMatchObject(terms);
  await update(id, { comment: "" });
  expect(await store.submissionOf(id)).not.toHaveProperty("comment");
  expect(await store.listInvocations({ ids: [id], limit: 1 })).toMatchObject([{ name: "better" }]);
});

test("all tasks of an array change, also those that wait for a place", async () => {
  const array = await submit(null, { tasks: [0, 1, 2] });
  await update(array, { timeLimitMs: 7_000, mostRunning: 1 });
  await until(() => isReady(array));
  const tasks = [0, 1, 2].map((task) => invocationId(array + task));
  expect(tasks.map(isReady)).toEqual([true, false, false]);
  expect(tasks.map((id) => live.get(id)?.timeLimitMs)).toEqual([7_000, 7_000, 7_000]);
  await update(array, { mostRunning: null });
  await until(() => tasks.every(isReady));
});

test("a begin, a deadline and a dependency are set and taken away", async () => {
  const [first, id] = [await submit(null), await submit(null)];
  await update(id, { beginAtMs: nowMs() + 3_600_000 });
  await until(() => reasonOf(id) === "BeginTime");
  await update(id, { beginAtMs: null, ...after("afterok", first) });
  await until(() => reasonOf(id) === "Dependency");
  await restart();
  await until(() => reasonOf(id) === "Dependency");
  await update(id, { dependency: null, deadlineAtMs: nowMs() + 60_000 + 80 });
  await until(() => isReady(id));
  await until(() => !live.room.has(id));
});

test("one dependency takes the place of another", async () => {
  const [first, second] = [await submit(null), await submit(null)];
  const id = await submit(after("afterok", first));
  await until(() => reasonOf(id) === "Dependency");
  await update(id, after("afterok", second));
  await begin(first);
  await end(first);
  await begin(second);
  expect(isReady(id)).toBe(false);
  await end(second);
  await until(() => isReady(id));
});

test("nothing starts while a change is written, and changes follow one another", async () => {
  const id = await submit(null);
  const both = [changes.setHeld(id, true), update(id, { name: "b" })];
  expect(isReady(id)).toBe(false);
  await Promise.all(both);
  await until(() => reasonOf(id) === "JobHeldUser");
  expect(live.get(id)!.name).toBe("b");
});

test("of two changes at once that would wait for each other, one is refused", async () => {
  const [one, other] = [await submit(null), await submit(null)];
  const both = [update(one, after("afterok", other)), update(other, after("afterok", one))];
  const [first, second] = await Promise.allSettled(both);
  expect(first!.status).toBe("fulfilled");
  expect(second).toMatchObject({ reason: { message: expect.stringMatching(/wait for itself/) } });
  await update(one, { dependency: null });
  await update(other, after("afterok", one));
});

test("what is refused changes nothing", async () => {
  const [id, other, running] = [await submit(null), await submit(null), await submit(null)];
  await begin(running);
  const refused = (of: InvocationId, change: Change, why: RegExp) =>
    expect(update(of, change)).rejects.toThrow(why);
  await refused(id, { timeLimitMs: 7_200_000 }, /exceeds the site's limit/);
  await refused(id, { timeLimitMs: 0 }, /above zero/);
  await refused(id, { mostRunning: 2 }, /no array/);
  await refused(id, { deadlineAtMs: nowMs() + 5_000 }, /does not fit before the deadline/);
  await refused(id, after("afterok", id), /would wait for itself/);
  await update(other, after("afterok", id));
  await refused(id, after("afterok", other), /would wait for itself/);
  await refused(running, { timeLimitMs: 600_001 }, /^\d+ runs, and only an operator may raise its/);
  await refused(running, { beginAtMs: nowMs() + 5_000 }, /runs already/);
  const call = await submit(null);
  await begin(call);
  Object.assign(live.get(call)!.submission, { workerKey: "of a function" });
  await refused(call, { timeLimitMs: 1_000 }, /a call keeps the time limit that its function was/);
  await update(running, { name: "renamed" });
  expect(live.get(running)).toMatchObject({ name: "renamed", state: "RUNNING" });
  await end(running);
  await refused(running, { name: "late" }, /has ended/);
  await until(() => isReady(id));
  expect(live.get(id)!.timeLimitMs).toBe(60_000);
});

test("the time limit of what runs is lowered by its owner, raised by an operator, and known after a restart", async () => {
  const id = await submit({ deadlineAtMs: nowMs() + 3_000_000 });
  await begin(id);
  const limits = () => [live.get(id)!.timeLimitMs, live.get(id)!.submission.changedLimits];
  const { timeLimitMs } = live.get(id)!;
  await update(id, { name: "renamed" });
  expect(limits()).toEqual([timeLimitMs, null]);
  await update(id, { timeLimitMs: 30_000 });
  expect(limits()).toEqual([30_000, { leastMs: 30_000, mostMs: timeLimitMs }]);
  await update(id, { timeLimitMs: 900_000 }, true);
  const all = { leastMs: 30_000, mostMs: 900_000 };
  expect(limits()).toEqual([900_000, all]);
  // Nobody else is told of it.
  const [shown] = await store.describeSubmissions([id], null);
  expect(shown!.submission).toMatchObject({ timeLimitMs: 900_000 });
  expect(shown!.submission).not.toHaveProperty("timeLimits");
  expect(await store.submissionOf(id)).not.toHaveProperty("timeLimits");
  await restart();
  expect(limits()).toEqual([900_000, all]);
  await expect(update(id, { timeLimitMs: 3_600_000 }, true)).rejects.toThrow(/before the deadline/);
});

test("what begins after a change goes by that alone", async () => {
  const id = await submit(null);
  await begin(id);
  await update(id, { timeLimitMs: 30_000 });
  live.requeue(live.get(id)!, "evicted", 1);
  await update(id, { timeLimitMs: 40_000 });
  expect(live.get(id)!.timeLimits).toEqual({ leastMs: 40_000, mostMs: 40_000 });
  await restart();
  expect(live.get(id)!.submission.changedLimits).toBeNull();
});

test("what has not much time left before its deadline may change otherwise", () => {
  const { submission } = sampleRequest("r", owner);
  const timeLimitMs = 60_000;
  const now = { ...submission, timeLimitMs, schedule: { deadlineAtMs: 61_000 } };
  const changed = (change: Change) => changedSubmission(now, change, policy, 10_000);
  expect(changed({ name: "renamed" })).toMatchObject({ name: "renamed", timeLimitMs });
  expect(changed({ timeLimitMs: 55_000 })).toMatchObject({ timeLimitMs: 55_000 });
  expect(() => changed({ timeLimitMs: 61_000 })).toThrow(/does not fit before the deadline/);
  expect(() => changed({ deadlineAtMs: 62_000 })).toThrow(/does not fit before the deadline/);
});
