// Which of the workers that are wanted start now: users take turns, each node one at a time.

import { expect, test } from "@jest/globals";
import { nextStarts } from "../../../../../src/core/functions/pool/next-starts.js";
import { nodeName } from "../../../../../src/model/ids.js";

const start = (uid: number, node: number) => ({ uid, node: nodeName(`n${node}`) });

test("a node starts one at a time, the most wanted first, on one node in two", () => {
  const wanted = [start(1, 1), start(1, 1), start(1, 2), start(1, 3)];
  expect(nextStarts(wanted, [], 4)).toEqual([start(1, 1), start(1, 2)]);
  expect(nextStarts(wanted, [start(1, 1)], 4)).toEqual([start(1, 2)]);
  expect(nextStarts(wanted, [start(1, 1), start(1, 2)], 4)).toEqual([]);
  expect(nextStarts(wanted, [], 1)).toEqual([start(1, 1)]);
  expect(nextStarts([], [], 4)).toEqual([]);
});

test("users take turns, whoever wants more, and those count whose workers start already", () => {
  const wanted = [start(1, 1), start(1, 2), start(1, 3), start(2, 4), start(3, 5)];
  expect(nextStarts(wanted, [], 6)).toEqual([start(1, 1), start(2, 4), start(3, 5)]);
  expect(nextStarts(wanted, [start(1, 6)], 6)).toEqual([start(2, 4), start(3, 5)]);
});

test("however many nodes there are, 16 start at once", () => {
  const wanted = Array.from({ length: 100 }, (_, at) => start(1, at));
  expect(nextStarts(wanted, [], 1_000)).toHaveLength(16);
});
