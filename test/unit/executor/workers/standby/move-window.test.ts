// When the executor moves itself so that another move need not wait, and when it stops.

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { MoveWindow } from "../../../../../src/executor/workers/standby/move-window.js";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

test("it moves again and again until the move that was expected is over", async () => {
  const rehearse = jest.fn(async () => {});
  const close = new MoveWindow(rehearse).open();
  expect(rehearse).toHaveBeenCalledTimes(1);
  await pass(12);
  expect(rehearse).toHaveBeenCalledTimes(3);
  close();
  await pass(100);
  expect(rehearse).toHaveBeenCalledTimes(3);
});

test("several expect a move: it moves no more often, until all are over", async () => {
  const rehearse = jest.fn(async () => {});
  const window = new MoveWindow(rehearse);
  const [one, other] = [window.open(), window.open()];
  one();
  one();
  await pass(7);
  expect(rehearse).toHaveBeenCalledTimes(2);
  other();
  await pass(100);
  expect(rehearse).toHaveBeenCalledTimes(2);
  window.open()();
  expect(rehearse).toHaveBeenCalledTimes(3);
});

test("a move that the kernel delays is not followed by another one meanwhile", async () => {
  let arrive = () => {};
  const rehearse = jest.fn(() => new Promise<void>((resolve) => (arrive = resolve)));
  new MoveWindow(rehearse).open();
  await pass(50);
  expect(rehearse).toHaveBeenCalledTimes(1);
  arrive();
  await pass(6);
  expect(rehearse).toHaveBeenCalledTimes(2);
});

test("it stops after a second, whatever is expected then", async () => {
  const rehearse = jest.fn(async () => {});
  const close = new MoveWindow(rehearse).open();
  await pass(1_100);
  const { length } = rehearse.mock.calls;
  await pass(10_000);
  expect(rehearse).toHaveBeenCalledTimes(length);
  close();
  expect(length).toBeLessThanOrEqual(201);
});

test("where the kernel refuses such a move there is no other one", async () => {
  const rehearse = jest.fn(async () => {
    throw new Error("refused");
  });
  const window = new MoveWindow(rehearse);
  window.open();
  await pass(50);
  window.open();
  await pass(50);
  expect(rehearse).toHaveBeenCalledTimes(1);
});
