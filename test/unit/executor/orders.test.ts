// Orders whose place is taken: those behind a task that waited too long do not run beside it.

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { followMs } from "../../../src/executor/attempts/followers.js";
import { notStarted } from "../../../src/executor/attempts/outcome.js";
import { Outbox } from "../../../src/executor/connection/outbox.js";
import { Orders } from "../../../src/executor/orders.js";
import { invocationId } from "../../../src/model/ids.js";
import { nothing } from "../../../src/model/resources.js";
import type { ExecutorMessage } from "../../../src/wire/messages.js";
import { attemptOrder } from "../../support/executor/orders.js";

const keyOf = (id: number) => ({ invocation: invocationId(id), attempt: 1 });
const behind = (id: number, after: number) => attemptOrder({ ...keyOf(id), after: keyOf(after) });

let started: number[];
let ended: (readonly [number, string])[];
let orders: Orders;
let outbox: Outbox;

beforeEach(() => {
  jest.useFakeTimers();
  started = [];
  ended = [];
  const attempts = {
    has: ({ invocation }: { invocation: number }) => started.includes(invocation),
    start: ({ invocation }: { invocation: number }) => void started.push(invocation),
    cancel: () => {},
    limit: () => {},
  };
  outbox = new Outbox();
  orders = new Orders(attempts, outbox, {
    budget: () => nothing,
    refusal: () => null,
    onEnded: (key, outcome) => {
      ended.push([key.invocation, outcome.end]);
      orders.ended(key, outcome);
    },
  });
  orders.take(attemptOrder(keyOf(1)));
  orders.take(behind(2, 1));
  jest.advanceTimersByTime(followMs);
});
afterEach(() => {
  jest.useRealTimers();
});

test("an order behind one that waited too long goes back, too, while the first one runs", () => {
  orders.take(behind(3, 2));
  orders.take(behind(4, 3));
  expect(started).toEqual([1]);
  expect(ended).toEqual([2, 3, 4].map((id) => [id, "EVICTED"]));
});

test("that is forgotten once gleanerd has recorded it", () => {
  orders.recorded(keyOf(2));
  orders.take(behind(3, 2));
  expect(started).toEqual([1, 3]);
});

test("tasks that began behind another report how long that took from its end", async () => {
  jest.useRealTimers();
  const told: ExecutorMessage[] = [];
  outbox.attach((message) => told.push(message) > 0);
  orders.take(attemptOrder(keyOf(10)));
  orders.take(behind(11, 10));
  orders.ended(keyOf(10), notStarted("COMPLETED", ""));
  await Promise.resolve();
  expect(started.slice(1)).toEqual([10, 11]);
  orders.ended(keyOf(11), notStarted("COMPLETED", ""));
  const reports = told.flatMap((message) => (message.type === "ended" ? [message.report] : []));
  expect(reports.map(({ invocation, paceUs }) => [invocation, typeof paceUs])).toEqual([
    [2, "undefined"],
    [10, "undefined"],
    [11, "number"],
  ]);
});
