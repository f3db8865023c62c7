// The books of the fault simulation: which versions a name may mean after copies of a request were
// refused, had their effect, or got lost.

import { expect, test } from "@jest/globals";
import { versionId } from "../../src/model/ids.js";
import { FunctionBook, SharedChange } from "../faults/checker/functions.js";

const version = versionId("a".repeat(64));
const called = { caller: 1, owner: 1, name: "f", selector: "latest" };

function deploy() {
  let nowMs = 0;
  const book = new FunctionBook(() => ++nowMs);
  const change = new SharedChange(book, () => book.deployed(1, "f", version, false));
  return {
    book,
    change,
    mayMean: (what: typeof version | null) => book.mayMean(called, what, ++nowMs),
  };
}

test("a deploy counts if any copy of its request has its effect, though others were refused", () => {
  const { change, mayMean } = deploy();
  change.copy().refused();
  expect(mayMean(version)).toBe(false);
  const second = change.copy();
  expect(mayMean(version)).toBe(true);
  expect(mayMean(null)).toBe(true);
  second.done();
  change.copy().refused();
  expect(mayMean(version)).toBe(true);
  expect(mayMean(null)).toBe(false);
});

test("a deploy whose copy got lost may have had its effect, although the next one was refused", () => {
  const { change, mayMean } = deploy();
  change.copy().over();
  change.copy().refused();
  expect(mayMean(version)).toBe(true);
  expect(mayMean(null)).toBe(true);
});
