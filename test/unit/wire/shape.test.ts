// The small checks of a peer's messages: their bounds, both ends included, and the place that they
// name.

import { expect, test } from "@jest/globals";
import {
  type Check,
  integer,
  list,
  oneOf,
  optional,
  orNull,
  pattern,
  sentence,
  text,
  truth,
} from "../../../src/wire/shape.js";

test.each<[string, Check<unknown>, readonly unknown[], readonly unknown[]]>([
  ["a number", integer(2, 5), [2, 5], [1, 6, 2.5, "3", null, Number.NaN]],
  ["any number", integer(0), [Number.MAX_SAFE_INTEGER], [-1, 2 ** 53]],
  ["text", text(3), ["", "abc"], ["abcd", 1, null]],
  ["a pattern", pattern(/^a$/), ["a"], ["b", 1, ["a"]]],
  ["a truth", truth, [true, false], [0, "true", null]],
  ["a choice", oneOf("x", "y"), ["x", "y"], ["z", "", null]],
  ["null or a number", orNull(integer(1, 2)), [null, 1], [0, undefined]],
  ["a number or nothing", optional(integer(1, 2)), [undefined, 2], [3, null]],
  ["a list", list(integer(1, 2), 2), [[], [1, 2]], [[1, 2, 1], [3], "12", { length: 0 }]],
])("%s", (_what, check, good, bad) => {
  for (const value of good) expect(check(value, "here")).toEqual(value);
  for (const value of bad)
    expect(() => check(value, "here")).toThrow(
      expect.objectContaining({
        code: "PROTOCOL",
        message: expect.stringMatching(/^here(\[\d\])? must be \S/),
      }),
    );
});

test("an item of a list is named by its place", () => {
  expect(() => list(integer(1, 2), 9)([1, 7], "jobs")).toThrow(
    "jobs[1] must be a whole number from 1 to 2",
  );
});

test("control characters become spaces in a sentence", () => {
  expect(sentence(9)("a\u001b[1m\nb", "here")).toBe("a [1m b");
  expect(() => sentence(3)("abcd", "here")).toThrow(/at most 3 characters/);
});
