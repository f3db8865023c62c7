// Which messages share a frame, and when it leaves.

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { Gathered } from "../../../../src/wire/flow/gathered.js";

let left: number[][];
let gathered: Gathered;

beforeEach(() => {
  jest.useFakeTimers();
  left = [];
  gathered = new Gathered(100_000, (payloads) => left.push(payloads.map(({ length }) => length)));
});
afterEach(() => void jest.useRealTimers());

const message = (bytes: number) => new Uint8Array(bytes);

test("messages of one turn leave together at its end", () => {
  gathered.add(message(1), false);
  gathered.add(message(2), false);
  expect(left).toEqual([]);
  jest.advanceTimersByTime(0);
  expect(left).toEqual([[1, 2]]);
});

test("what may wait leaves with the next message, or after 10 ms", () => {
  gathered.add(message(1), true);
  jest.advanceTimersByTime(9);
  expect(left).toEqual([]);
  gathered.add(message(2), false);
  jest.advanceTimersByTime(0);
  expect(left).toEqual([[1, 2]]);
  gathered.add(message(3), true);
  jest.advanceTimersByTime(10);
  expect(left).toEqual([[1, 2], [3]]);
});

test("a large amount leaves at once, and never in a larger frame than the peer takes", () => {
  gathered.add(message(60_000), true);
  gathered.add(message(50_000), true);
  expect(left).toEqual([[60_000]]);
  gathered.add(message(20_000), true);
  expect(left).toEqual([[60_000], [50_000, 20_000]]);
  gathered.flush();
  expect(left).toHaveLength(2);
});
