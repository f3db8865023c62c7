// What is read from thrown values, whatever they are.

import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { errnoOf, errorCodeOf, GleanerError, messageOf } from "../../../src/model/errors.js";

const thrownBy = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (thrown) {
    return thrown;
  }
};

test.each([
  [thrownBy(() => readFileSync("/nowhere/at/all")), "ENOENT", 2],
  [new GleanerError("NOT_FOUND", "gone"), "NOT_FOUND", 0],
  [new Error("plain"), undefined, 0],
  [{ code: 7, errno: "7" }, undefined, 0],
  [null, undefined, 0],
  [undefined, undefined, 0],
  ["text", undefined, 0],
])("%s: code %s, errno %s", (thrown, code, errno) => {
  expect([errorCodeOf(thrown), errnoOf(thrown)]).toEqual([code, errno]);
  expect(typeof messageOf(thrown)).toBe("string");
});
