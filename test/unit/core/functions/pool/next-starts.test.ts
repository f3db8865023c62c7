// Which of the workers that are wanted start now: users take turns, each node one at a time.

import { expect, test } from "@jest/globals";
import { nextStarts } from "../../../../../src/core/functions/pool/next-starts.js";
import { nodeName } from "../../../../../src/model/ids.js";

const start = (uid: number, node: number) => ({ uid, node: nodeName(`n${node}`) });
const begun = (uid: number, node: number, ageMs = 0) => ({ ...start(uid, node), ageMs });

test("a node starts one at a time, the most wanted first, on one node in two", () => {
  const wanted = [start(1, 1), start(1, 1), start(1, 2), start(1, 3)];
  expect(nextStarts(wanted, [], 4)).toEqual([start(1, 1), start(1, 2)]);
  expect(nextStarts(wanted, [begun(1, 1)], 4)).toEqual([start(1, 2)]);
  expect(nextStarts(wanted, [begun(1, 1), begun(1, 2)], 4)).toEqual([]);
  expect(nextStarts(wanted, [], 1)).toEqual([start(1, 1)]);
  expect(nextStarts([], [], 4)).toEqual([]);
});

test("users take turns, whoever wants more, and those count whose workers start already", () => {
  const wanted = [start(1, 1), start(1, 2), start(1, 3), start(2, 4), start(3, 5)];
  expect(nextStarts(wanted, [], 6)).toEqual([start(1, 1), start(2, 4), start(3, 5)]);
  expect(nextStarts(wanted, [begun(1, 6)], 6)).toEqual([start(2, 4), start(3, 5)]);
});

test("users take turns also where one starts at a time", () => {
  const wanted = [start(1, 1), start(1, 2), start(2, 1)];
  const turns = new Map<number, number>();
  const users = [1, 2, 3, 4].map((turn) => {
    const { uid } = nextStarts(wanted, [], 2, 0, turns)[0]!;
    turns.set(uid, turn);
    return uid;
  });
  expect(users).toEqual([1, 2, 1, 2]);
});

test("however many nodes there are, 16 start at once", () => {
  const wanted = Array.from({ length: 100 }, (_, at) => start(1, at));
  expect(nextStarts(wanted, [], 1_000)).toHaveLength(16);
});

test("while starts take long, fewer begin, and none beside one that takes very long", () => {
  const wanted = [2, 3, 4, 5].map((node) => start(1, node));
  expect(nextStarts(wanted, [begun(1, 1, 400)], 8)).toHaveLength(3);
  expect(nextStarts(wanted, [begun(1, 1, 1_000)], 8)).toHaveLength(2);
  expect(nextStarts(wanted, [begun(1, 1, 1_600)], 8)).toEqual([]);
  expect(nextStarts(wanted, [], 8, 400)).toHaveLength(4);
  expect(nextStarts(wanted, [], 8, 1_000)).toHaveLength(2);
  expect(nextStarts(wanted, [], 8, 30_000)).toHaveLength(1);
  expect(nextStarts(wanted, [begun(1, 1)], 8, 30_000)).toEqual([]);
});
