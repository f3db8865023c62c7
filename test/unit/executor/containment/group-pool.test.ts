// Groups serve one attempt after another: only with the same limits, only after a rest, and not for
// ever.

import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { useTime } from "../../../../src/clock.js";
import { GroupPool } from "../../../../src/executor/containment/group-pool.js";

let nowMs = 0;
let restore: () => void;
let removed: string[];
let pool: GroupPool;
beforeEach(() => {
  jest.useFakeTimers();
  nowMs = 0;
  restore = useTime({
    monotonicMs: () => nowMs,
    nowMs: () => nowMs,
    machineMonotonicNs: () => 0n,
    setTimeout: (callback, delayMs) => globalThis.setTimeout(callback, delayMs),
    clearTimeout: (timer) => globalThis.clearTimeout(timer as NodeJS.Timeout),
    setImmediate: (callback) => void globalThis.setImmediate(callback),
    standStill: () => true,
  });
  removed = [];
  pool = new GroupPool((path) => removed.push(path));
});
afterEach(() => {
  restore();
  jest.useRealTimers();
});

function pass(ms: number): void {
  nowMs += ms;
  jest.advanceTimersByTime(ms);
}

test("a group serves again after a rest, once, and only for the same limits", () => {
  pool.put("small", "a");
  expect(pool.take("small")).toBeNull();
  pass(60);
  expect(pool.take("large")).toBeNull();
  expect(pool.take("small")).toBe("a");
  expect(pool.take("small")).toBeNull();
});

test("the one that has rested longest serves first", () => {
  for (const path of ["a", "b"]) {
    pool.put("small", path);
    pass(60);
  }
  expect(pool.take("small")).toBe("a");
  expect(pool.take("small")).toBe("b");
});

test("groups that nobody needs for 5 s are removed", () => {
  pool.put("small", "a");
  pass(4_000);
  pool.put("small", "b");
  pass(1_000);
  expect(removed).toEqual(["a"]);
  pass(5_000);
  expect(removed).toEqual(["a", "b"]);
  expect(pool.take("small")).toBeNull();
});

test("no more than 128 are kept", () => {
  for (let kept = 0; kept < 128; kept++) expect(pool.put("small", `${kept}`)).toBe(true);
  expect(pool.put("small", "128")).toBe(false);
});
