// Runs in the queue: a million tasks are one entry, and behave as if each waited by itself.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { WaitingQueue } from "../../../../src/core/placement/queue.js";
import { type WaitingRun, WaitingRuns } from "../../../../src/core/placement/waiting-runs.js";
import { invocationId } from "../../../../src/model/ids.js";
import { waiting } from "../../../support/placing.js";

const runOf = (from: number, to: number, user = "ann"): WaitingRun => ({
  fromId: invocationId(from),
  toId: invocationId(to),
  at: (id) => waiting(id, { user }),
  part: (first, last) => runOf(first, last, user),
});

const idsOf = (queue: WaitingQueue): number[][] =>
  [...queue.groupsInOrder()].map((group) => [...group].map(({ id }) => id));

test("thousands of runs hold what a set of their ids holds", () => {
  const range = fc.tuple(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 0, max: 1_500 }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), (ranges) => {
      let counted = 0;
      const runs = new WaitingRuns({
        changed(_run, change) {
          counted += change;
        },
      });
      const ids = new Set<number>();
      for (let from = 1; from < 3_000; from += 3) {
        runs.add(runOf(from, from + 1));
        ids.add(from).add(from + 1);
      }
      for (const [from, length] of ranges) {
        const removed = runs.remove(invocationId(from), invocationId(from + length));
        for (const { fromId, toId } of removed)
          for (let id: number = fromId; id <= toId; id++) ids.delete(id);
        for (const run of removed.filter((_, at) => at % 2 === 0)) {
          runs.add(run);
          for (let id: number = run.fromId; id <= run.toId; id++) ids.add(id);
        }
        expect(runs.count).toBe(ids.size);
      }
      const all = [...runs];
      expect(counted).toBe(all.length);
      const listed = all.flatMap(({ fromId, toId }) => (toId > fromId ? [fromId, toId] : [fromId]));
      expect(listed).toEqual([...ids].sort((left, right) => left - right));
      const [from, to] = [invocationId(1_000), invocationId(2_000)];
      expect([...runs.between(from, to)]).toEqual(
        all.filter(({ fromId, toId }) => toId >= from && fromId <= to),
      );
      for (const id of [1, 3, 1_000, 2_999])
        expect(runs.find(invocationId(id)) !== undefined).toBe(ids.has(id));
    }),
    { numRuns: 15 },
  );
});

describe("runs in the queue", () => {
  test("of a million tasks give their heads at once, and shrink from any side", () => {
    const queue = new WaitingQueue();
    queue.addRun(runOf(1, 1_000_000));
    queue.add(waiting(2_000_000, { user: "ann" }));
    expect(queue.size).toBe(1_000_001);
    for (const id of [1, 2, 500_000, 1_000_000]) expect(queue.remove(invocationId(id))).toBe(true);
    expect(queue.remove(invocationId(500_000))).toBe(false);
    const [group] = queue.groupsInOrder();
    const [head] = group!;
    expect([head!.id, group!.size]).toEqual([3, 999_997]);
    expect(queue.countBefore(invocationId(500_001))).toBe(499_997);
    queue.add(waiting(2, { user: "ann" }));
    expect([...group!][0]!.id).toBe(2);
    const removed = queue.removeRuns(invocationId(1), invocationId(1_000_000));
    expect(removed.map(({ fromId, toId }) => [fromId, toId])).toEqual([
      [3, 499_999],
      [500_001, 999_999],
    ]);
    expect(idsOf(queue)).toEqual([[2, 2_000_000]]);
  });

  test("are what single invocations are, whatever is removed and returns", () => {
    const step = fc.record({ id: fc.integer({ min: 1, max: 40 }), returns: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const runs = new WaitingQueue();
        runs.addRun(runOf(1, 15));
        runs.addRun(runOf(16, 20, "bob"));
        runs.addRun(runOf(21, 40));
        const single = new WaitingQueue();
        for (let id = 1; id <= 40; id++)
          single.add(waiting(id, { user: id >= 16 && id <= 20 ? "bob" : "ann" }));
        for (const { id: number, returns } of steps) {
          const id = invocationId(number);
          const user = number >= 16 && number <= 20 ? "bob" : "ann";
          expect(runs.remove(id)).toBe(single.remove(id));
          if (returns) for (const queue of [runs, single]) queue.add(waiting(id, { user }));
          expect(runs.size).toBe(single.size);
          expect(runs.has(id)).toBe(returns);
        }
        expect(idsOf(runs).sort()).toEqual(idsOf(single).sort());
        expect(runs.countBefore(invocationId(30))).toBe(single.countBefore(invocationId(30)));
      }),
    );
  });

  test("beyond the kinds that placement reads wait until others have gone", () => {
    const queue = new WaitingQueue();
    for (let id = 1; id <= 200; id++) queue.add(waiting(id, { user: "ann", timeLimitMs: id }));
    queue.addRun(runOf(1_000, 1_999));
    expect([...queue.groupsInOrder()]).toHaveLength(200);
    queue.remove(invocationId(7));
    expect([...queue.groupsInOrder()].map(({ size }) => size)).toContain(1_000);
    expect(queue.removeRuns(invocationId(1_000), invocationId(1_999))).toHaveLength(1);
    expect(queue.size).toBe(199);
  });
});
