// Placement and its queue: what is assigned fits all together, each waits once, turns are fair, wide ones do not starve.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type PlacementPolicy, place, type Slot } from "../../src/core/placement.js";
import { type Waiting, WaitingQueue } from "../../src/core/queue.js";
import { executorId, invocationId } from "../../src/model/ids.js";

const policy: PlacementPolicy = { starvingAfterMs: 10_000, maxAssignments: 50 };
const nowMs = 100_000;

const waiting = (id: number, change: Partial<Waiting> = {}): Waiting => ({
  id: invocationId(id),
  user: "ann",
  cores: 1,
  memoryMb: 100,
  timeLimitMs: 1_000,
  submittedAtMs: nowMs - 1,
  ...change,
});

const slot = (name: string, cores: number, change: Partial<Slot> = {}): Slot => ({
  executor: executorId(name),
  budgetCores: cores,
  budgetMemoryMb: cores * 1_000,
  freeCores: cores,
  freeMemoryMb: cores * 1_000,
  endsAtMs: null,
  ...change,
});

function queueOf(all: readonly Waiting[]): WaitingQueue {
  const queue = new WaitingQueue();
  for (const each of all) queue.add(each);
  return queue;
}

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
  test("what is assigned fits, all together, and each at most once", () => {
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

  test("leaves nothing idle that some waiting invocation of a user fits, when nobody starves", () => {
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

  test("the user who holds less goes first, then age decides", () => {
    const queue = queueOf([
      waiting(1),
      waiting(2),
      waiting(3, { user: "bob" }),
      waiting(4, { user: "bob" }),
    ]);
    const order = place(queue, [slot("x", 3)], new Map([["ann", 2]]), nowMs, policy);
    expect(order.map((each) => each.invocation)).toEqual([3, 4, 1]);
  });

  test("a wide invocation that starves gets an executor kept free", () => {
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

describe("the waiting queue", () => {
  test("gives each group oldest first, whatever was added, removed and put back", () => {
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
});
