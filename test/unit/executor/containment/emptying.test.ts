// A new executor waits for what a dead one left until it is gone or known to hang.

import { expect, test } from "@jest/globals";
import { endOfKilled } from "../../../../src/executor/containment/emptying.js";

/** Gives one value after another, and then always the last one. */
function each<Value>(...values: readonly Value[]): () => Value {
  let next = 0;
  return () => values[Math.min(next++, values.length - 1)]!;
}

test("processes that go are waited for, though they hang at first", async () => {
  const processes = each<readonly number[] | null>([7, 8], [8], null);
  expect(await endOfKilled({ processes, hangs: () => true, known: () => [] })).toBe("gone");
});

test("a hook that notes all of them meanwhile ends the wait", async () => {
  const known = each<readonly number[]>([], [7], [7, 8]);
  const processes = each<readonly number[] | null>([7, 8], [7, 8], [7, 8], null);
  expect(await endOfKilled({ processes, hangs: () => true, known })).toBe("hangs");
});

test("a process that was noted and does not hang any more is waited for", async () => {
  const processes = each<readonly number[] | null>([7], [7], null);
  expect(await endOfKilled({ processes, hangs: () => false, known: () => [7] })).toBe("gone");
});
