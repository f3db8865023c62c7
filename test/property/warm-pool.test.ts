// Whatever is in the pool, a decision keeps no more memory than allowed, starts nothing that does
// not fit or does not last, honours min-warm, and depends on nothing else than its input.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { decidePool } from "../../src/core/functions/pool/decide.js";
import type { PoolDecision, PoolState } from "../../src/core/functions/pool/state.js";
import { nodeName } from "../../src/model/ids.js";

const nowMs = 1_000_000;
const keys = ["a", "b", "c", "d"];
const nodes = ["n1", "n2", "n3"].map(nodeName);

const seat = fc.record({
  rank: fc.integer({ min: 1, max: 9 }),
  idleMs: fc.integer({ min: 0, max: 100_000 }),
  nextUseMs: fc.oneof(
    fc.constant(Number.POSITIVE_INFINITY),
    fc.constant(0),
    fc.integer({ min: 0, max: 100_000 }),
  ),
  mayStart: fc.boolean(),
});
const outlook = fc.record({
  seats: fc
    .array(seat, { maxLength: 5 })
    .map((seats) => seats.sort((a, b) => (a.nextUseMs < b.nextUseMs ? -1 : 1))),
  changesAtMs: fc.integer({ min: nowMs + 1, max: nowMs + 100_000 }),
});
const functions = fc.subarray(keys).chain((present) =>
  fc.tuple(
    ...present.map((key) =>
      fc.record({
        key: fc.constant(key),
        memoryMb: fc.integer({ min: 1, max: 600 }),
        minWarm: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 })),
        busyWorkers: fc.integer({ min: 0, max: 2 }),
        outlook,
      }),
    ),
  ),
);
const workers = fc
  .array(
    fc.record({
      key: fc.constantFrom(...keys),
      node: fc.constantFrom(...nodes),
      memoryMb: fc.integer({ min: 1, max: 600 }),
      sinceMs: fc.integer({ min: 0, max: nowMs }),
    }),
    { maxLength: 12 },
  )
  .map((all) => all.map((worker, index) => ({ ...worker, id: `w${index}` })));
const holes = fc.subarray(nodes).chain((present) =>
  fc.tuple(
    ...present.map((node) =>
      fc.record({
        node: fc.constant(node),
        idleMemoryMb: fc.integer({ min: -100, max: 2_000 }),
        endsAtMs: fc.oneof(fc.constant(null), fc.integer({ min: nowMs - 10, max: nowMs + 90_000 })),
      }),
    ),
  ),
);
const states: fc.Arbitrary<PoolState> = fc.record({
  nowMs: fc.constant(nowMs),
  functions,
  workers,
  nodes: holes,
});

const keptOf = (state: PoolState, { stop }: PoolDecision) => {
  const stopped = new Set(stop.map(({ worker }) => worker));
  return state.workers.filter(({ id }) => !stopped.has(id));
};
const functionOf = (state: PoolState, key: string) => state.functions.find((f) => f.key === key)!;
const sum = (amounts: readonly number[]) => amounts.reduce((total, each) => total + each, 0);
/** The memory that idle workers hold on a node after the decision. */
const heldMb = (state: PoolState, decision: PoolDecision, node: string) =>
  sum(
    keptOf(state, decision)
      .filter((worker) => worker.node === node)
      .map(({ memoryMb }) => memoryMb),
  ) +
  sum(
    decision.start
      .filter((start) => start.node === node)
      .map(({ key }) => functionOf(state, key).memoryMb),
  );
const holds = (property: (state: PoolState, decision: PoolDecision) => void) =>
  fc.assert(
    fc.property(states, (state) => property(state, decidePool(state))),
    { numRuns: 500 },
  );

/** The same state with workers of one size. */
const evenly = (state: PoolState, memoryMb = 256): PoolState => ({
  ...state,
  workers: state.workers.map((worker) => ({ ...worker, memoryMb })),
  functions: state.functions.map((each) => ({ ...each, memoryMb })),
});

describe("a decision on the pool", () => {
  test("stops each worker once at most, and never one that is not there", () => {
    holds((state, { stop }) => {
      const names = stop.map(({ worker }) => worker);
      expect(new Set(names).size).toBe(names.length);
      const there = new Set(state.workers.map(({ id }) => id));
      expect(names.filter((id) => !there.has(id))).toEqual([]);
    });
  });

  test("keeps no more memory than allowed on any node, and none where there is no hole", () => {
    holds((state, decision) => {
      for (const { node, idleMemoryMb } of state.nodes)
        expect(heldMb(state, decision, node)).toBeLessThanOrEqual(Math.max(0, idleMemoryMb));
      const there = new Set(state.nodes.map(({ node }) => node));
      for (const { node, key } of [...keptOf(state, decision), ...decision.start]) {
        expect(there).toContain(node);
        expect(functionOf(state, key)).toBeDefined();
      }
    });
  });

  test("starts nothing in a hole that ends before any expected use", () => {
    holds((state, { start }) => {
      for (const { key, node } of start) {
        const { outlook, minWarm, busyWorkers } = functionOf(state, key);
        const uses = outlook.seats.filter(({ mayStart }) => mayStart);
        const soonest = Math.min(...uses.map(({ nextUseMs }) => nextUseMs));
        const endsAtMs = state.nodes.find((each) => each.node === node)!.endsAtMs;
        const leftMs = (endsAtMs ?? Number.POSITIVE_INFINITY) - nowMs;
        expect(leftMs).toBeGreaterThan(0);
        if (minWarm <= busyWorkers) expect(leftMs).toBeGreaterThanOrEqual(soonest);
      }
    });
  });

  test("has no more idle workers of a function than it expects uses, or as its min-warm says", () => {
    holds((state, decision) => {
      const kept = keptOf(state, decision);
      for (const { key, minWarm, busyWorkers, outlook } of state.functions) {
        const idle = [...kept, ...decision.start].filter((each) => each.key === key).length;
        const most = Math.max(outlook.seats.length, minWarm - busyWorkers);
        expect(idle).toBeLessThanOrEqual(Math.max(0, most));
      }
    });
  });

  test("honours min-warm as long as a node has room, other idle workers not counted", () => {
    holds((state, decision) => {
      const kept = keptOf(state, decision);
      for (const { key, minWarm, busyWorkers, memoryMb } of state.functions) {
        const idle = [...kept, ...decision.start].filter((each) => each.key === key).length;
        if (busyWorkers + idle >= minWarm) continue;
        for (const { node, endsAtMs, idleMemoryMb } of state.nodes) {
          if (endsAtMs !== null && endsAtMs <= nowMs) continue;
          // Whatever has no min-warm would have gone for it.
          const others = [...kept, ...decision.start].filter((each) => each.node === node);
          const needed = others.filter((each) => functionOf(state, each.key).minWarm > 0);
          const mb = needed.map((each) =>
            "memoryMb" in each ? (each.memoryMb as number) : functionOf(state, each.key).memoryMb,
          );
          expect(idleMemoryMb - sum(mb)).toBeLessThan(memoryMb);
        }
      }
    });
  });

  test("never stops and starts a worker of a function on one node for lack of memory", () => {
    holds((state, { stop, start }) => {
      for (const { worker, reason } of stop) {
        const { key, node, memoryMb } = state.workers.find(({ id }) => id === worker)!;
        if (reason !== "pressure" || memoryMb !== functionOf(state, key).memoryMb) continue;
        expect(start).not.toContainEqual({ key, node });
      }
    });
  });

  test("is the same whatever the order of its input", () => {
    const normal = ({ stop, start, nextAtMs }: PoolDecision) => ({
      stop: stop.map(({ worker, reason }) => `${worker} ${reason}`).sort(),
      start: start.map(({ key, node }) => `${key} ${node}`).sort(),
      nextAtMs,
    });
    holds((state, decision) => {
      const reversed = {
        ...state,
        functions: [...state.functions].reverse(),
        workers: [...state.workers].reverse(),
        nodes: [...state.nodes].reverse(),
      };
      expect(normal(decidePool(reversed))).toEqual(normal(decision));
      expect(decidePool(state)).toEqual(decision);
    });
  });

  test("keeps whatever it kept with less memory, if all workers are equally large", () => {
    fc.assert(
      fc.property(states, fc.integer({ min: 0, max: 1_000 }), (made, moreMb) => {
        const even = evenly(made);
        const state = { ...even, functions: even.functions.map((f) => ({ ...f, minWarm: 0 })) };
        const roomier = {
          ...state,
          nodes: state.nodes.map((node) => ({ ...node, idleMemoryMb: node.idleMemoryMb + moreMb })),
        };
        const kept = keptOf(state, decidePool(state));
        expect(keptOf(roomier, decidePool(roomier))).toEqual(expect.arrayContaining(kept));
      }),
      { numRuns: 500 },
    );
  });

  test("is stable among equally large workers: once obeyed, nothing is left to do", () => {
    holds((made) => {
      const state = evenly(made);
      const decision = decidePool(state);
      const started = decision.start.map(({ key, node }, index) => {
        const { memoryMb } = functionOf(state, key);
        return { id: `new${index}`, key, node, memoryMb, sinceMs: nowMs };
      });
      const next = { ...state, workers: [...keptOf(state, decision), ...started] };
      expect(decidePool(next)).toMatchObject({ start: [], stop: [] });
    });
  });
});
