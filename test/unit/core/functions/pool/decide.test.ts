// Which idle workers stop and which start ahead: the rules one at a time. The properties are in
// test/property/warm-pool.test.ts.

import { describe, expect, test } from "@jest/globals";
import { decidePool } from "../../../../../src/core/functions/pool/decide.js";
import type {
  IdleWorker,
  PoolFunction,
  PoolNode,
} from "../../../../../src/core/functions/pool/state.js";
import { nodeName } from "../../../../../src/model/ids.js";

const nowMs = 1_000_000;
const n1 = nodeName("n1");
const n2 = nodeName("n2");

const worker = (id: string, key: string, more: Partial<IdleWorker> = {}): IdleWorker => ({
  id,
  key,
  node: n1,
  memoryMb: 256,
  sinceMs: nowMs - 1_000,
  ...more,
});

const hole = (node = n1, more: Partial<PoolNode> = {}): PoolNode => ({
  node,
  idleMemoryMb: 1_024,
  endsAtMs: null,
  ...more,
});

/** A function that expects its next uses after these times. */
const expects = (
  key: string,
  nextUsesMs: readonly number[],
  more: Partial<PoolFunction> = {},
): PoolFunction => ({
  key,
  memoryMb: 256,
  minWarm: 0,
  busyWorkers: 0,
  outlook: {
    seats: nextUsesMs.map((nextUseMs, index) => ({
      rank: index + 1,
      idleMs: 0,
      nextUseMs,
      mayStart: true,
    })),
    changesAtMs: nowMs + 60_000,
  },
  ...more,
});

const decide = (
  functions: readonly PoolFunction[],
  workers: readonly IdleWorker[],
  nodes: readonly PoolNode[] = [hole()],
) => decidePool({ nowMs, functions, workers, nodes });
const stops = (...of: Parameters<typeof decide>) =>
  decide(...of).stop.map(({ worker, reason }) => `${worker} ${reason}`);

describe("the warm pool", () => {
  test("stops the worker that was used longest ago if one is enough", () => {
    const workers = [worker("new", "f"), worker("old", "f", { sinceMs: 0 })];
    expect(stops([expects("f", [5_000])], workers)).toEqual(["old unwanted"]);
  });

  test("keeps of equal workers the one whose hole lasts longest", () => {
    const workers = [worker("short", "f"), worker("long", "f", { node: n2, sinceMs: 0 })];
    const nodes = [hole(n1, { endsAtMs: nowMs + 60_000 }), hole(n2)];
    expect(stops([expects("f", [5_000])], workers, nodes)).toEqual(["short unwanted"]);
  });

  test("stops workers of unknown functions and on unknown nodes", () => {
    const workers = [worker("a", "gone"), worker("b", "f", { node: n2 })];
    expect(stops([expects("f", [1])], workers)).toEqual(["a unwanted", "b unwanted"]);
  });

  test("stops a worker whose hole ends before its next use, and starts it where it lasts", () => {
    const nodes = [hole(n1, { endsAtMs: nowMs + 4_000 }), hole(n2)];
    const decision = decide([expects("f", [5_000])], [worker("w", "f")], nodes);
    expect(decision.stop).toEqual([{ worker: "w", reason: "holeEnds" }]);
    expect(decision.start).toEqual([{ key: "f", node: n2 }]);
  });

  test("gives memory back by the cost of waiting: memory times the time to the next use", () => {
    const functions = [
      expects("soon", [1_000]),
      expects("late", [60_000]),
      expects("large", [10_000], { memoryMb: 2_048 }),
    ];
    const workers = [
      worker("s", "soon"),
      worker("l", "late"),
      worker("x", "large", { memoryMb: 2_048 }),
    ];
    const under = (idleMemoryMb: number) => stops(functions, workers, [hole(n1, { idleMemoryMb })]);
    expect(under(2_560)).toEqual([]);
    expect(under(2_559)).toEqual(["x pressure"]);
    expect(under(511)).toEqual(["x pressure", "l pressure"]);
    expect(under(0)).toEqual(["x pressure", "l pressure", "s pressure"]);
  });

  test("keeps a small worker that fits, though it waits longer than a large one that goes", () => {
    const functions = [
      expects("large", [1_000], { memoryMb: 1_000 }),
      expects("small", [60_000], { memoryMb: 100 }),
    ];
    const workers = [
      worker("l", "large", { memoryMb: 1_000 }),
      worker("s", "small", { memoryMb: 100 }),
    ];
    const decision = decide(functions, workers, [hole(n1, { idleMemoryMb: 500 })]);
    expect(decision).toMatchObject({ stop: [{ worker: "l" }], start: [] });
  });

  test("stops the workers of min-warm last, and starts those that lack", () => {
    const rare = expects("rare", [], { minWarm: 1 });
    const functions = [rare, expects("busy", [1])];
    const workers = [worker("r", "rare"), worker("b", "busy")];
    const nodes = [hole(n1, { idleMemoryMb: 256 })];
    expect(stops(functions, workers, nodes)).toEqual(["b pressure"]);
    expect(stops(functions, workers, [hole(n1, { idleMemoryMb: 0 })])).toHaveLength(2);
    const lacking = decide(functions, [worker("b", "busy")], nodes);
    expect(lacking.stop).toEqual([{ worker: "b", reason: "pressure" }]);
    expect(lacking.start).toEqual([{ key: "rare", node: n1 }]);
    expect(decide([{ ...rare, busyWorkers: 1 }], [])).toMatchObject({ start: [], stop: [] });
  });

  test("moves min-warm to another idle worker rather than start one", () => {
    const functions = [expects("f", [1_000, 2_000], { minWarm: 1 })];
    const workers = [worker("a", "f"), worker("b", "f", { node: n2 })];
    const nodes = [hole(n1, { idleMemoryMb: 0 }), hole(n2, { idleMemoryMb: 256 })];
    expect(decide(functions, workers, nodes)).toMatchObject({
      stop: [{ worker: "a", reason: "pressure" }],
      start: [],
    });
  });

  test("starts what costs least memory-time first, in the hole that lasts longest", () => {
    const functions = [expects("late", [60_000]), expects("soon", [1_000])];
    const nodes = [
      hole(n1, { endsAtMs: nowMs + 90_000 }),
      hole(n2, { endsAtMs: nowMs + 99_000, idleMemoryMb: 256 }),
    ];
    expect(decide(functions, [], nodes).start).toEqual([
      { key: "soon", node: n2 },
      { key: "late", node: n1 },
    ]);
    expect(decide(functions, [], [hole(n1, { idleMemoryMb: 255 })]).start).toEqual([]);
  });

  test("starts nothing for a use for which it may not", () => {
    const outlook = {
      seats: [{ rank: 1, idleMs: 0, nextUseMs: 1, mayStart: false }],
      changesAtMs: nowMs + 5,
    };
    expect(decide([{ ...expects("f", []), outlook }], [])).toMatchObject({ start: [] });
  });

  test("says when to decide again", () => {
    expect(decide([expects("f", [])], []).nextAtMs).toBe(nowMs + 60_000);
    expect(decide([], []).nextAtMs).toBe(Number.POSITIVE_INFINITY);
  });
});
