// Clients that wait for the end of an invocation or an array: woken at the end, at the timeout, and
// forgotten when they stop waiting.

import { beforeEach, expect, test } from "@jest/globals";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { Waiters } from "../../../../src/daemon/invocations/waiters.js";
import type { Events } from "../../../../src/daemon/state/events.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Live } from "../../../../src/daemon/state/live-invocation.js";
import { invocationId } from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import { invocation, submission } from "../../../support/nouns.js";

let live: LiveInvocations;
let events: Events;
let waiters: Waiters;
let added: Live[];
const never = new AbortController().signal;
const long = 60_000;
const one = { kind: "invocation", id: invocationId(1) } as const;
const array = { kind: "array", id: invocationId(7) } as const;

beforeEach(() => {
  const state = newState();
  ({ live, events } = state);
  waiters = new Waiters(live, state.events);
  const add = (change: Parameters<typeof invocation>[0]) =>
    live.add({ invocation: invocation(change), digest: digestOf(1_000, submission()) }, null);
  const task = { arrayJobId: array.id };
  added = [
    add({ id: one.id }),
    add({ ...task, id: invocationId(7), arrayTaskId: 0 }),
    add({ ...task, id: invocationId(8), arrayTaskId: 1 }),
  ];
});

/** Whether it has resolved after all that is due now. */
async function isDone(waiting: Promise<void>): Promise<boolean> {
  let done = false;
  void waiting.then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}
const end = (each: Live) => live.finish(each, { state: "CANCELLED", endedAtMs: 5 });

test("a wait ends when its invocation ends, not when it starts or another ends", async () => {
  const waiting = waiters.untilEnded(one, long, never);
  end(added[1]!);
  expect(await isDone(waiting)).toBe(false);
  expect(waiters.size).toBe(1);
  end(added[0]!);
  expect(await isDone(waiting)).toBe(true);
  expect([waiters.size, waiters.hasEnded(one)]).toEqual([0, true]);
});

test("an array has ended with its last task", async () => {
  const waiting = waiters.untilEnded(array, long, never);
  end(added[1]!);
  expect(await isDone(waiting)).toBe(false);
  end(added[2]!);
  expect(await isDone(waiting)).toBe(true);
});

test("tasks that ended together wake those who wait for one of them, or for any", async () => {
  const ofTask = (id: number) =>
    waiters.untilEnded({ kind: "invocation", id: invocationId(id) }, long, never);
  const anyTask = waiters.untilNextEnd(array.id, long, never);
  const [before, within] = [ofTask(7), ofTask(8)];
  const ids = [invocationId(8), invocationId(9)] as const;
  events.publish({ type: "tasksEnded", array: array.id, ids });
  expect(await Promise.all([before, within, anyTask].map(isDone))).toEqual([false, true, true]);
});

test("a wait for an ended invocation ends at once", async () => {
  end(added[0]!);
  expect(await isDone(waiters.untilEnded(one, long, never))).toBe(true);
});

test("a wait ends at its timeout while the invocation continues", async () => {
  await waiters.untilEnded(one, 1, never);
  expect([waiters.size, waiters.hasEnded(one)]).toEqual([0, false]);
});

test("a client that disconnects is forgotten, and others continue to wait", async () => {
  const goes = new AbortController();
  const gone = waiters.untilEnded(one, long, goes.signal);
  const stays = waiters.untilEnded(one, long, never);
  goes.abort();
  expect(await isDone(gone)).toBe(true);
  expect(waiters.size).toBe(1);
  expect(await isDone(waiters.untilEnded(one, long, goes.signal))).toBe(true);
  end(added[0]!);
  expect(await isDone(stays)).toBe(true);
});
