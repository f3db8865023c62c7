// Time that several share: equal parts of each moment, which add up to it.

import { expect, test } from "@jest/globals";
import { EqualParts } from "../../../../../src/executor/workers/seats/equal-parts.js";

test("each has an equal part of what comes while it is there", () => {
  const time = new EqualParts();
  const first = time.enter(100);
  const second = time.enter(120);
  expect(time.leave(second, 160)).toEqual({ part: 20, shared: true });
  const third = time.enter(170);
  expect(time.leave(first, 190)).toEqual({ part: 20 + 20 + 10 + 10, shared: true });
  expect(time.leave(third, 200)).toEqual({ part: 10 + 10, shared: true });
});

test("one that is alone has all, also after others", () => {
  const time = new EqualParts();
  time.leave(time.enter(0), 10);
  const alone = time.enter(50);
  expect(time.leave(alone, 75)).toEqual({ part: 25, shared: false });
});

test("what comes while it is stopped is nobody's", () => {
  const time = new EqualParts();
  const [one, other] = [time.enter(0), time.enter(0)];
  time.stop(10);
  time.stop(20);
  time.resume(110);
  expect(time.leave(one, 120).part).toBe(5 + 5);
  expect(time.leave(other, 121).part).toBe(5 + 5 + 1);
});

test("others that come after the end of all take nothing from those that were there", () => {
  const time = new EqualParts();
  const [one, other] = [time.enter(0), time.enter(10)];
  const late = time.enter(1_000);
  const later = time.enter(1_010);
  expect(time.leave(one, 40).part).toBe(10 + 15);
  expect(time.leave(other, 40).part).toBe(15);
  expect(time.leave(late, 40).part).toBe(0);
  expect(time.leave(later, 40).part).toBe(0);
});
