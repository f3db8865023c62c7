// What the benchmark `whisk` concludes from a run, and which runs it refuses.

import { expect, test } from "@jest/globals";
import { callsOf } from "../../../../scripts/benchmarks/whisk/calls.js";
import { type Evidence, figuresOf } from "../../../../scripts/benchmarks/whisk/figures.js";

type Detail = Evidence["details"][number];
type Attempt = Detail["attempts"][number];

const cold = { fetchMs: 1, startMs: 30, loadMs: 2, runMs: 10 };
const attempt = (change: Partial<Attempt>) =>
  ({ state: "COMPLETED", phases: null, ...change }) as Attempt;
const detail = (node: string, ...attempts: Attempt[]) =>
  ({ invocation: { node }, attempts }) as unknown as Detail;

const good: Evidence = {
  outcomes: [
    { tookMs: 12, error: null },
    { tookMs: 14, error: null },
    { tookMs: 90, error: null },
  ],
  details: [
    detail("n1", attempt({})),
    detail("n2", attempt({ state: "EVICTED", phases: cold }), attempt({})),
    detail("n3", attempt({ phases: cold })),
  ],
  evictions: 7,
  began: 9,
  violations: 0,
};

test("a run within its bars", () => {
  expect(figuresOf(good)).toMatchObject({
    ...{ calls: 3, answered: 1, p50ms: 14, p99ms: 90, evicted: 7, callsEvicted: 1 },
    ...{ coldShare: 0.333, batchJobs: 9, nodes: 3, withinBars: true },
  });
});

test.each([
  [
    "a call without its result",
    { outcomes: [...good.outcomes, { tookMs: 5, error: "it crashed" }] },
  ],
  ["slow calls", { outcomes: [{ tookMs: 21, error: null }] }],
  ["a slow call among many", { outcomes: [...good.outcomes, { tookMs: 501, error: null }] }],
  ["functions on a job's cores", { violations: 1 }],
])("%s is outside the bars", (_, change) => {
  expect(figuresOf({ ...good, ...change }).withinBars).toBe(false);
});

test("a call without its result counts as not answered, and not as a quick one", () => {
  const outcomes = [
    { tookMs: 40, error: null },
    { tookMs: 1, error: "it crashed" },
  ];
  expect(figuresOf({ ...good, outcomes })).toMatchObject({ answered: 0.5, p50ms: 40 });
});

test.each([
  ["evictions", { evictions: 4 }],
  ["nodes", { details: [detail("n1", attempt({})), detail("n2", attempt({}))] }],
  ["calls on record", { details: [] }],
  ["answers", { outcomes: [{ tookMs: 1, error: "it crashed" }] }],
])("a run without enough %s proves nothing", (_, change) => {
  expect(() => figuresOf({ ...good, ...change })).toThrow(/proves nothing|not measured/);
});

test("the same seed gives the same calls, at even intervals", () => {
  const calls = callsOf(50, 100, 10, 3);
  expect(calls).toEqual(callsOf(50, 100, 10, 3));
  expect(calls).not.toEqual(callsOf(50, 100, 10, 4));
  expect(calls.map(({ atMs }) => atMs)).toEqual(Array.from({ length: 50 }, (_, at) => at * 100));
  expect(new Set(calls.map(({ name }) => name)).size).toBeGreaterThan(20);
});
