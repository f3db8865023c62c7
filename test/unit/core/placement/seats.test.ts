// Calls fill the seats of a worker before they get places of their own.

import { expect, test } from "@jest/globals";
import { type Assignment, place, type Slot } from "../../../../src/core/placement/placement.js";
import type { Waiting } from "../../../../src/core/placement/queue.js";
import { nowMs, placementPolicy, queueOf, slot, waiting } from "../../../support/placing.js";

const call = (id: number, change: Partial<Waiting> = {}) =>
  waiting(id, { workerKey: "w", seats: 3, ...change });
const placed = (all: readonly Waiting[], slots: readonly Slot[], held = new Map()) =>
  place(queueOf(all), slots, held, nowMs, placementPolicy);
const shown = (all: readonly Assignment[]) =>
  all.map(({ invocation, executor, isSeat = false }) => `${invocation} ${executor} ${isSeat}`);

test("the first call opens a worker, the next ones share it, and the fourth opens another", () => {
  const calls = [1, 2, 3, 4].map((id) => call(id));
  expect(shown(placed(calls, [slot("a", 2)]))).toEqual([
    "1 a false",
    "2 a true",
    "3 a true",
    "4 a false",
  ]);
});

test("a free seat needs no core, and comes before an idle worker", () => {
  const full = slot("full", 1, { freeCores: 0, freeMemoryMb: 0, seats: new Map([["w", 1]]) });
  const idle = slot("idle", 1, { warm: new Map([["w", 1]]) });
  expect(shown(placed([call(1), call(2)], [idle, full]))).toEqual(["1 full true", "2 idle false"]);
  expect(placed([waiting(3)], [full])).toEqual([]);
});

test.each<[string, Partial<Slot>]>([
  ["closes too early", { endsAtMs: nowMs + 1 }],
  ["has no time left", { closesAtMs: nowMs + 1 }],
  ["serves another kind", { seats: new Map([["other", 9]]) }],
])("a call passes over a seat whose executor %s", (_, change) => {
  const seats = new Map([["w", 1]]);
  const there = slot("seats", 1, { freeCores: 0, seats, ...change });
  expect(placed([call(1)], [there])).toEqual([]);
});

test("no seat is given on the executor that is kept for starving work", () => {
  const wide = waiting(1, { cores: 2, user: "bob", submittedAtMs: 0 });
  const there = slot("a", 2, { freeCores: 1, seats: new Map([["w", 2]]) });
  expect(placed([wide, call(2)], [there])).toEqual([]);
});

test("a seat counts nothing towards the fair share of its user", () => {
  const calls = [1, 2, 3].map((id) => call(id));
  const others = [4, 5].map((id) => waiting(id, { user: "bob" }));
  const given = placed([...calls, ...others], [slot("a", 2)]);
  // Ann has one core with all three calls, so Bob has the other one.
  expect(shown(given)).toEqual(["1 a false", "4 a false", "2 a true", "3 a true"]);
});
