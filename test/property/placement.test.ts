// Placement and its queue: all assignments fit together, each invocation waits once, turns are
// fair, wide ones do not starve.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { SurvivalModel } from "../../src/core/forecast/survival.js";
import {
  type PlacementPolicy,
  type Prediction,
  place,
  type Slot,
} from "../../src/core/placement/placement.js";
import { Prices } from "../../src/core/placement/prices.js";
import { type Waiting, WaitingQueue } from "../../src/core/placement/queue.js";
import { invocationId } from "../../src/model/ids.js";
import { nowMs, placementPolicy as policy, queueOf, slot, waiting } from "../support/placing.js";

const anyWaiting = fc
  .array(
    fc.record({
      user: fc.constantFrom("ann", "bob", "cyd"),
      cores: fc.integer({ min: 1, max: 20 }),
      memoryMb: fc.integer({ min: 1, max: 9_000 }),
      timeLimitMs: fc.constantFrom(500, 60_000),
      submittedAtMs: fc.integer({ min: 0, max: nowMs }),
    }),
    { maxLength: 60 },
  )
  .map((all) => all.map((each, index) => waiting(index + 1, each)));

const anySlots = fc
  .array(
    fc.record({
      budget: fc.integer({ min: 0, max: 16 }),
      used: fc.integer({ min: 0, max: 16 }),
      endsAtMs: fc.option(fc.integer({ min: nowMs, max: nowMs + 90_000 })),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    all.map(({ budget, used, endsAtMs }, index) => {
      const free = Math.max(0, budget - used);
      return slot(`x${index}`, budget, { freeCores: free, freeMemoryMb: free * 1_000, endsAtMs });
    }),
  );

describe("place", () => {
  test("assigns each invocation at most once, and all assignments together fit", () => {
    fc.assert(
      fc.property(anyWaiting, anySlots, (all, slots) => {
        const assignments = place(queueOf(all), slots, new Map(), nowMs, policy);
        expect(new Set(assignments.map((each) => each.invocation)).size).toBe(assignments.length);
        expect(assignments.length).toBeLessThanOrEqual(policy.maxAssignments);
        for (const each of slots) {
          const given = assignments
            .filter((assignment) => assignment.executor === each.executor)
            .map((assignment) => all.find((one) => one.id === assignment.invocation)!);
          const cores = given.reduce((sum, one) => sum + one.cores, 0);
          const memoryMb = given.reduce((sum, one) => sum + one.memoryMb, 0);
          expect(cores).toBeLessThanOrEqual(each.freeCores);
          expect(memoryMb).toBeLessThanOrEqual(each.freeMemoryMb);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("leaves no room idle that a waiting invocation fits into when nobody starves", () => {
    fc.assert(
      fc.property(anyWaiting, anySlots, (all, slots) => {
        const young = all.map((each) => ({ ...each, submittedAtMs: nowMs }));
        const assignments = place(queueOf(young), slots, new Map(), nowMs, {
          ...policy,
          maxAssignments: 1_000,
        });
        const placed = new Set(assignments.map((each) => each.invocation));
        for (const each of slots) {
          const given = assignments
            .filter((assignment) => assignment.executor === each.executor)
            .map((assignment) => young.find((one) => one.id === assignment.invocation)!);
          const cores = each.freeCores - given.reduce((sum, one) => sum + one.cores, 0);
          const memoryMb = each.freeMemoryMb - given.reduce((sum, one) => sum + one.memoryMb, 0);
          const left = young.filter((one) => !placed.has(one.id));
          expect(left.filter((one) => one.cores <= cores && one.memoryMb <= memoryMb)).toEqual([]);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("serves the user who holds fewer cores first, then the older invocation", () => {
    const queue = queueOf([
      waiting(1),
      waiting(2),
      waiting(3, { user: "bob" }),
      waiting(4, { user: "bob" }),
    ]);
    const order = place(queue, [slot("x", 3)], new Map([["ann", 2]]), nowMs, policy);
    expect(order.map((each) => each.invocation)).toEqual([3, 4, 1]);
  });

  test("keeps an executor free for a wide invocation that starves", () => {
    const wide = waiting(1, { cores: 8, submittedAtMs: nowMs - 20_000 });
    const narrow = Array.from({ length: 20 }, (_, index) => waiting(index + 2));
    const slots = [slot("x", 8, { freeCores: 5 }), slot("y", 8, { freeCores: 2 })];
    const assignments = place(queueOf([wide, ...narrow]), slots, new Map(), nowMs, policy);
    expect(assignments.every((each) => each.executor === "y")).toBe(true);
    expect(assignments).toHaveLength(2);
  });

  test("prefers a hole that outlasts the time limit, then the tightest fit", () => {
    const closing = slot("closing", 2, { endsAtMs: nowMs + 500 });
    const queue = queueOf([waiting(1)]);
    const chosen = place(
      queue,
      [slot("wide", 16), closing, slot("tight", 4)],
      new Map(),
      nowMs,
      policy,
    );
    expect(chosen[0]!.executor).toBe("tight");
  });
});

describe("place with a prediction", () => {
  /** Young holes mostly close within seconds, old ones last. */
  const survival = new SurvivalModel();
  for (let index = 0; index < 1_000; index++)
    for (const toAgeMs of [3_000, 5_000, 8_000, 3_600_000])
      survival.record({ kind: "wholeNode", fromAgeMs: 0, toAgeMs, closed: true });

  const predicting = (change: Partial<Prediction> = {}): PlacementPolicy => ({
    ...policy,
    prediction: {
      survival,
      expectedMs: (each) => each.timeLimitMs,
      usualMs: (each) => each.timeLimitMs,
      vacateMs: 200,
      passingSinceMs: new Map(),
      prices: new Prices(),
      ...change,
    },
  });
  const young = (name: string, change: Partial<Slot> = {}) =>
    slot(name, 1, { openedAtMs: nowMs, ...change });
  const old = (name: string, change: Partial<Slot> = {}) =>
    slot(name, 1, { openedAtMs: nowMs - 120_000, ...change });
  const short = (id: number) => waiting(id, { timeLimitMs: 100 });
  const long = (id: number) => waiting(id, { timeLimitMs: 60_000 });
  /** As much work as one long one is. */
  const shorts = Array.from({ length: 600 }, (_, index) => short(index + 2));
  const placed = (all: Waiting[], slots: Slot[], by = predicting(), atMs = nowMs) =>
    place(queueOf(all), slots, new Map(), atMs, by).map((each) => [each.invocation, each.executor]);

  test("puts long work where it survives and short work into short holes, whatever the order of arrival", () => {
    const slots = [young("young"), old("old")];
    expect(placed([long(1), short(2)], slots).sort()).toEqual([
      [1, "old"],
      [2, "young"],
    ]);
    expect(placed([short(1), long(2)], slots).sort()).toEqual([
      [1, "young"],
      [2, "old"],
    ]);
  });

  test("puts long work into the hole of the node whose holes last longer, if two holes have the same age", () => {
    const slots = [young("hasty", { hazardRatio: 4 }), young("steady", { hazardRatio: 0.25 })];
    expect(placed([long(1), short(2)], slots).sort()).toEqual([
      [1, "steady"],
      [2, "hasty"],
    ]);
    expect(placed([short(1), long(2)], [...slots].reverse()).sort()).toEqual([
      [1, "hasty"],
      [2, "steady"],
    ]);
  });

  test("gives the longer hole to the invocation of a function that was evicted later", () => {
    const by = predicting({
      expectedMs: ({ ranMs = 0 }) => (ranMs > 0 ? 60_000 : 100),
      usualMs: ({ ranMs = 0 }) => (ranMs > 0 ? 60_000 : 100),
    });
    const slots = [young("young"), old("old")];
    const fresh = waiting(1, { timeLimitMs: 60_000 });
    const evicted = waiting(2, { timeLimitMs: 60_000, ranMs: 30_000 });
    expect(placed([fresh, evicted], slots, by).sort()).toEqual([
      [1, "young"],
      [2, "old"],
    ]);
  });

  test("leaves a risky slot to a younger short invocation, but no slot idle", () => {
    const slots = [young("young"), old("busy", { freeCores: 0 })];
    expect(placed([long(1), ...shorts], slots)).toEqual([[2, "young"]]);
    expect(placed([long(1)], slots)).toEqual([[1, "young"]]);
  });

  test("gives any available slot to a group that was skipped long enough", () => {
    const slots = [young("young"), old("busy", { freeCores: 0 })];
    const by = predicting();
    expect(placed([long(1), ...shorts], slots, by)).toEqual([[2, "young"]]);
    const later = nowMs + 3_600_000;
    const fresh = [
      young("young", { openedAtMs: later }),
      old("busy", { freeCores: 0, openedAtMs: later - 120_000 }),
    ];
    expect(placed([long(1), ...shorts], fresh, by, later)).toEqual([[1, "young"]]);
    // A group that is gone is forgotten.
    placed([short(2)], [], by);
    expect(by.prediction!.passingSinceMs.size).toBe(0);
  });

  test("begins no work that a planned start would interrupt, but short work until shortly before", () => {
    const ending = (inMs: number) => [young("ending", { endsAtMs: nowMs + inMs })];
    expect(placed([long(1)], [...ending(30_000), old("later", { freeCores: 0 })])).toEqual([]);
    expect(placed([short(1)], ending(500))).toEqual([[1, "ending"]]);
    expect(placed([short(1)], ending(250))).toEqual([]);
  });

  test("runs work that fits before no planned start in the hole that ends last, once its patience is over", () => {
    const slots = [20_000, 50_000].map((inMs) =>
      young(`in${inMs}`, { endsAtMs: nowMs + 1_000_000 + inMs }),
    );
    const by = predicting();
    const atMs = nowMs + 1_000_000;
    expect(placed([long(1)], slots, by, atMs - 80_000)).toHaveLength(1);
    expect(placed([long(1)], slots, by, atMs - 1_000)).toEqual([]);
    const later = atMs - 1_000 + 70_000;
    const renewed = slots.map((each) => ({ ...each, endsAtMs: each.endsAtMs! + 70_000 }));
    expect(placed([long(1)], renewed, by, later)).toEqual([[1, "in50000"]]);
  });

  test("never begins work that the executor's time limit would interrupt, however long it waits", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            closesInMs: fc.integer({ min: -1_000, max: 120_000 }),
            endsInMs: fc.option(fc.integer({ min: 0, max: 120_000 })),
          }),
          { minLength: 1, maxLength: 4 },
        ),
        fc.array(fc.constantFrom(50, 1_000, 20_000, 90_000), { minLength: 1, maxLength: 6 }),
        (ends, lengths) => {
          const by = predicting();
          const all = lengths.map((timeLimitMs, index) => waiting(index + 1, { timeLimitMs }));
          for (const atMs of [0, 1_000, 60_000, 4_000_000].map((laterMs) => nowMs + laterMs)) {
            const slots = ends.map(({ closesInMs, endsInMs }, index) =>
              slot(`x${index}`, 2, {
                closesAtMs: atMs + closesInMs,
                endsAtMs: atMs + Math.min(closesInMs, endsInMs ?? closesInMs),
                endConfidence: endsInMs === null ? 1 : 0.9,
              }),
            );
            for (const each of place(queueOf(all), slots, new Map(), atMs, by)) {
              const { closesAtMs } = slots.find(({ executor }) => executor === each.executor)!;
              const { timeLimitMs } = all.find(({ id }) => id === each.invocation)!;
              expect(timeLimitMs).toBeLessThanOrEqual(closesAtMs! - atMs - 200);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("lets no class of durations starve, whatever the holes and the other demand", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3_600_000 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(100, 1_000, 60_000, 600_000),
        fc.boolean(),
        (agesMs, durationMs, sameUser) => {
          const by = predicting();
          const queue = new WaitingQueue();
          queue.add(waiting(1, { timeLimitMs: durationMs, user: "long" }));
          for (let id = 2; id < 40; id++)
            queue.add(waiting(id, { timeLimitMs: 50, user: sameUser ? "long" : `u${id % 3}` }));
          // Each round the same slot is free, be it the worst, and others could fill it each time.
          const patienceMs = Math.max(
            policy.starvingAfterMs + durationMs,
            Math.min(3_600_000, 100 * durationMs),
          );
          for (let round = 0; round <= 12; round++) {
            const atMs = nowMs + Math.ceil((patienceMs / 10) * round);
            const slots = agesMs.map((ageMs, index) =>
              slot(`x${index}`, 1, {
                openedAtMs: atMs - ageMs,
                freeCores: index === 0 ? 1 : 0,
              }),
            );
            const first = place(queue, slots, new Map(), atMs, by)[0];
            if (first?.invocation === 1) return;
          }
          throw new Error("it never ran");
        },
      ),
      { numRuns: 300 },
    );
  });

  test("fits every assignment and omits no work that fits and would end in time", () => {
    fc.assert(
      fc.property(anyWaiting, anySlots, (all, slots) => {
        const young = all.map((each) => ({ ...each, submittedAtMs: nowMs }));
        const by = { ...predicting(), maxAssignments: 1_000 };
        const assignments = place(queueOf(young), slots, new Map(), nowMs, by);
        const done = new Set(assignments.map((each) => each.invocation));
        for (const each of slots) {
          const given = assignments
            .filter((assignment) => assignment.executor === each.executor)
            .map((assignment) => young.find((one) => one.id === assignment.invocation)!);
          const cores = each.freeCores - given.reduce((sum, one) => sum + one.cores, 0);
          const memoryMb = each.freeMemoryMb - given.reduce((sum, one) => sum + one.memoryMb, 0);
          expect(Math.min(cores, memoryMb)).toBeGreaterThanOrEqual(0);
          const left = young.filter(({ id }) => !done.has(id));
          // Planned ends are rounded down by a quarter of an octave at most.
          const lastsMs = each.endsAtMs === null ? 1e9 : (each.endsAtMs - nowMs - 200) * 0.8;
          const fitting = left.filter((one) => one.cores <= cores && one.memoryMb <= memoryMb);
          expect(fitting.filter((one) => one.timeLimitMs <= lastsMs)).toEqual([]);
          for (const one of given)
            expect(one.timeLimitMs).toBeLessThanOrEqual(
              each.endsAtMs === null ? 1e9 : each.endsAtMs - nowMs - 200,
            );
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the waiting queue", () => {
  test("yields each group oldest first, whatever was added, removed and requeued", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 30 })), { maxLength: 120 }),
        (steps) => {
          const queue = new WaitingQueue();
          const model = new Set<number>();
          for (const [adds, id] of steps) {
            if (adds && !model.has(id)) {
              queue.add(waiting(id));
              model.add(id);
            } else if (!adds) expect(queue.remove(invocationId(id))).toBe(model.delete(id));
            const ids = [...queue.groupsInOrder()].flatMap((group) =>
              [...group].map((each) => each.id),
            );
            expect(ids).toEqual([...model].sort((left, right) => left - right));
            expect(queue.size).toBe(model.size);
          }
        },
      ),
    );
  });

  test("shows placement a bounded number of each user's kinds of work, and every kind in turn", () => {
    const queue = new WaitingQueue();
    for (let id = 1; id <= 1_000; id++) queue.add(waiting(id, { memoryMb: id }));
    queue.add(waiting(1_001, { user: "other" }));
    const began: number[] = [];
    while (queue.size > 0) {
      const heads = [...queue.groupsInOrder()].map((group) => [...group][0]!);
      expect(heads.length).toBeLessThanOrEqual(201);
      began.push(heads[0]!.id);
      expect(queue.remove(heads[0]!.id)).toBe(true);
    }
    expect(began.sort((left, right) => left - right)).toEqual(
      Array.from({ length: 1_001 }, (_, at) => at + 1),
    );
  });
});
