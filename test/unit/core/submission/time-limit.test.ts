// Lengths of time in messages can be given back as --time.

import { expect, test } from "@jest/globals";
import { parseTimeLimit } from "../../../../src/cli/values.js";
import { spanText } from "../../../../src/core/submission/time-limit.js";

test.each([
  [1_000, "0:00:01"],
  [3_600_000, "1:00:00"],
  [90_061_000, "1-01:01:01"],
  [86_400_000, "1-00:00:00"],
])("%d ms is %s", (ms, text) => {
  expect(spanText(ms)).toBe(text);
  expect(parseTimeLimit(text, "-t")).toBe(ms);
});

test("fractions of a second are told in milliseconds", () =>
  expect(spanText(1_500)).toBe("1500 ms"));
