// Orders that wait for another attempt: each begins after the one before it, and none waits long.

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { Followers, followMs } from "../../../../src/executor/attempts/followers.js";
import { type InvocationId, invocationId } from "../../../../src/model/ids.js";
import { attemptOrder } from "../../../support/executor/orders.js";

const keyOf = (id: number) => ({ invocation: invocationId(id), attempt: 1 });
const order = (id: number, after: number) =>
  attemptOrder({ invocation: invocationId(id), attempt: 1, after: keyOf(after) });

let late: InvocationId[];
let followers: Followers;
beforeEach(() => {
  jest.useFakeTimers();
  late = [];
  followers = new Followers((orders) => late.push(...orders.map(({ invocation }) => invocation)));
  for (const id of [2, 3, 4]) followers.add(order(id, id - 1), keyOf(id - 1));
});
afterEach(() => {
  jest.useRealTimers();
});

const next = (id: number) => followers.next(keyOf(id))?.invocation ?? null;

test("each begins after the one before it", () => {
  expect(next(2)).toBeNull();
  expect(next(1)).toBe(2);
  expect(followers.keys).toEqual([keyOf(3), keyOf(4)]);
  expect(next(1)).toBeNull();
  expect(next(2)).toBe(3);
  expect(next(3)).toBe(4);
  expect(next(4)).toBeNull();
  jest.advanceTimersByTime(followMs);
  expect(late).toEqual([]);
});

test("one that is taken out is left out", () => {
  expect(followers.remove(keyOf(3))).toBe(true);
  expect(followers.remove(keyOf(3))).toBe(false);
  expect(followers.has(keyOf(3))).toBe(false);
  expect(next(1)).toBe(2);
  expect(next(2)).toBe(4);
});

test("those that have not begun in time wait no longer", () => {
  jest.advanceTimersByTime(followMs - 1);
  expect(next(1)).toBe(2);
  expect(late).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(late).toEqual([3, 4]);
  expect(next(2)).toBeNull();
});

test("all can be taken out", () => {
  expect(followers.clear().map(({ invocation }) => invocation)).toEqual([2, 3, 4]);
  expect(followers.keys).toEqual([]);
  jest.advanceTimersByTime(followMs);
  expect(late).toEqual([]);
});

test("the time limit of one that waits can change", () => {
  expect(followers.limit(keyOf(2), 5)).toBe(true);
  expect(followers.limit(keyOf(1), 5)).toBe(false);
  expect(followers.next(keyOf(1))).toMatchObject({ invocation: 2, timeLimitMs: 5 });
  expect(followers.next(keyOf(2))).toMatchObject({ timeLimitMs: order(3, 2).timeLimitMs });
});
