// Task numbers of an array: counted, joined to runs and checked without expanding ranges.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type ArrayTasks,
  compact,
  hasDuplicates,
  runsOf,
  taskCount,
} from "../../../src/model/array-tasks.js";

const numbersOf = (tasks: ArrayTasks): number[] =>
  runsOf(tasks).flatMap(({ task, count, step }) =>
    Array.from({ length: count }, (_, at) => task + at * step),
  );

const anyTasks = fc.array(
  fc.oneof(
    fc.nat(40),
    fc.record({ from: fc.nat(40), to: fc.nat(40), step: fc.integer({ min: 1, max: 5 }) }),
  ),
  { maxLength: 12 },
);

describe("task numbers", () => {
  test("of a million tasks are one run", () => {
    const tasks = [{ from: 0, to: 999_999, step: 1 }];
    expect(taskCount(tasks)).toBe(1_000_000);
    expect(runsOf(tasks)).toEqual([{ at: 0, count: 1_000_000, task: 0, step: 1 }]);
    expect(hasDuplicates(tasks)).toBe(false);
    expect(compact(Array.from({ length: 1_000_000 }, (_, at) => at))).toEqual(tasks);
  });

  test("are in runs what they are one by one", () => {
    fc.assert(
      fc.property(anyTasks, (tasks) => {
        const single = tasks.flatMap((each) => {
          if (typeof each === "number") return [each];
          const { from, to, step } = each;
          const count = to < from ? 0 : Math.floor((to - from) / step) + 1;
          return Array.from({ length: count }, (_, at) => from + at * step);
        });
        expect(numbersOf(tasks)).toEqual(single);
        expect(taskCount(tasks)).toBe(single.length);
        expect(hasDuplicates(tasks)).toBe(new Set(single).size < single.length);
        let at = 0;
        for (const run of runsOf(tasks)) {
          expect(run.at).toBe(at);
          at += run.count;
        }
      }),
    );
  });
});
