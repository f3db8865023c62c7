// How long a peer that sends too much is not read.

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { Inflow } from "../../../../src/wire/flow/inflow.js";

const pace = { burst: 10, perSecond: 4, bytes: 100 };

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** An inflow from which this many empty messages were read. */
function after(messages: number) {
  const inflow = new Inflow(pace, (bytes: number) => ({ messages: 2, bytes }));
  for (let took = 0; took < messages; took++) inflow.took(0);
  return inflow;
}

test("a burst is read at once, and what follows waits until it has earned a message", () => {
  expect(after(9).waitMs()).toBe(0);
  expect(after(10).waitMs()).toBe(250);
  expect(after(12).waitMs()).toBe(750);
});

test("time earns messages, up to a burst", () => {
  const inflow = after(12);
  jest.advanceTimersByTime(500);
  expect(inflow.waitMs()).toBeGreaterThan(0);
  jest.advanceTimersByTime(60_000);
  expect(inflow.waitMs()).toBe(0);
  for (let took = 0; took < 10; took++) inflow.took(0);
  expect(inflow.waitMs()).toBe(250);
});

test("messages to the peer earn answers, and bytes count as messages", () => {
  const inflow = after(10);
  inflow.sent(0);
  expect(inflow.waitMs()).toBe(0);
  inflow.took(100);
  expect(inflow.waitMs()).toBe(250);
  inflow.sent(200);
  inflow.took(300, 0);
  expect(inflow.waitMs()).toBe(0);
  inflow.took(0);
  expect(inflow.waitMs()).toBe(250);
});
