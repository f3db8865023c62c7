// The utilization report's figures, on small cases computed by hand.

import { describe, expect, test } from "@jest/globals";
import { percentiles } from "../../../../src/core/accounting/eviction-figures.js";
import {
  computeUtilization,
  maxSeriesPoints,
} from "../../../../src/core/accounting/utilization.js";
import { executorId, invocationId, jobId, nodeName } from "../../../../src/model/ids.js";
import type {
  Eviction,
  HookEvent,
  JobRecord,
  NodeSpan,
  UtilizationInput,
} from "../../../../src/model/records/utilization.js";

const n1 = nodeName("n1");
const n2 = nodeName("n2");

const span = (node: NodeSpan["node"], cores: number, fromMs: number, toMs: number): NodeSpan => ({
  node,
  cores,
  fromMs,
  toMs,
});

const record = (fields: Partial<JobRecord>): JobRecord => ({
  id: jobId(7),
  displayId: "7",
  name: "job",
  user: "ada",
  partition: "batch",
  state: "COMPLETED",
  nodes: [n1],
  cores: 4,
  submittedAtMs: 0,
  startedAtMs: 10_000,
  endedAtMs: 20_000,
  ...fields,
});

const event = (kind: HookEvent["kind"], atMs: number, cores: number | null = null): HookEvent => ({
  node: n1,
  jobId: jobId(7),
  kind,
  atMs,
  cores,
});

const eviction = (atMs: number, tookMs: number): Eviction => ({
  node: n1,
  jobId: jobId(7),
  atMs,
  tookMs,
  attempts: 2,
  lostCoreMs: 30,
  left: 0,
});

/** One node of 8 cores during 60 s, and nothing else. */
const input = (fields: Partial<UtilizationInput>): UtilizationInput => ({
  fromMs: 0,
  toMs: 60_000,
  nodeSpans: [span(n1, 8, 0, 60_000)],
  jobs: [],
  hookEvents: [],
  holdings: [],
  useful: [],
  unfinished: [],
  conditions: [],
  waits: [],
  evictions: [],
  leased: [],
  ...fields,
});

const allocatedCoreMs = (fields: Partial<UtilizationInput>): number =>
  computeUtilization(input(fields)).allocatedCoreMs;

describe("the cores of a node", () => {
  test("count only the later-starting one of two overlapping spans", () => {
    const nodeSpans = [span(n1, 8, 0, 10_000), span(n1, 4, 2_000, 6_000)];
    expect(computeUtilization(input({ nodeSpans })).availableCoreMs).toBe(8 * 6_000 + 4 * 4_000);
  });

  test("do not count on a node that Slurm could not use", () => {
    const figures = computeUtilization(
      input({
        fromMs: 30_000,
        nodeSpans: [span(n1, 8, 0, 60_000), span(n2, 8, 0, 30_000)],
        holdings: [{ executor: executorId("e"), node: n2, cores: 8, fromMs: 0, toMs: 60_000 }],
      }),
    );
    expect(figures.perNode.map(({ node }) => node)).toEqual(["n1"]);
    expect(figures).toMatchObject({ nodes: 1, availableCoreMs: 240_000, coveredCoreMs: 0 });
  });

  test("are listed in natural order: n2 before n10", () => {
    const nodeSpans = ["n10", "n2", "n1"].map((name) => span(nodeName(name), 1, 0, 10));
    expect(computeUtilization(input({ nodeSpans })).perNode.map(({ node }) => node)).toEqual([
      "n1",
      "n2",
      "n10",
    ]);
  });
});

describe("the cores that jobs hold", () => {
  test("follow the job's record if there is no hook", () => {
    expect(allocatedCoreMs({ jobs: [record({})] })).toBe(4 * 10_000);
  });

  test("get exact times from hook events near the record's times", () => {
    const hookEvents = [event("begin", 10_640, 4), event("end", 21_130)];
    expect(allocatedCoreMs({ jobs: [record({})], hookEvents })).toBe(4 * (21_130 - 10_640));
  });

  test.each([
    [9_000, 22_000, 22_000 - 9_000],
    [8_999, 22_000, 22_000 - 10_000],
    [12_000, 22_001, 20_000 - 12_000],
    [12_001, 22_001, 20_000 - 10_000],
  ])(
    "are held for the right time with a begin at %d and an end at %d: %d ms",
    (beginMs, endMs, heldMs) => {
      const hookEvents = [event("begin", beginMs, 4), event("end", endMs)];
      expect(allocatedCoreMs({ jobs: [record({})], hookEvents })).toBe(4 * heldMs);
    },
  );

  test("are held until the hook reports an end, else until the report's end", () => {
    const jobs = [record({ endedAtMs: null, state: "RUNNING" })];
    expect(allocatedCoreMs({ jobs })).toBe(4 * 50_000);
    expect(allocatedCoreMs({ jobs, hookEvents: [event("end", 31_500)] })).toBe(4 * 21_500);
  });

  test("include those of a job that only the hook reported, and of one that still runs", () => {
    const seen = [event("begin", 1_000, 3), event("end", 2_500)];
    expect(allocatedCoreMs({ hookEvents: seen })).toBe(3 * 1_500);
    expect(allocatedCoreMs({ hookEvents: [event("begin", 59_000, 3)] })).toBe(3 * 1_000);
    expect(computeUtilization(input({ hookEvents: seen })).batchJobs).toBe(1);
  });

  test("include the earlier run of a requeued job", () => {
    const hookEvents = [
      event("begin", 2_000, 4),
      event("end", 5_000),
      event("begin", 10_000, 4),
      event("end", 20_000),
    ];
    const figures = computeUtilization(input({ jobs: [record({})], hookEvents }));
    expect(figures).toMatchObject({ allocatedCoreMs: 4 * 13_000, batchJobs: 1 });
  });

  test.each([
    ["apart", 26_000],
    ["within the second that Slurm keeps", 20_900],
  ])("belong to each run of a requeued job by its own events (%s)", (_how, againMs) => {
    const startedAtMs = Math.floor(againMs / 1_000) * 1_000;
    const jobs = [
      record({ startedAtMs, endedAtMs: null, state: "RUNNING" }),
      record({ endedAtMs: 20_000 }),
    ];
    const hookEvents = [event("begin", 10_300, 4), event("end", 20_400)];
    const firstMs = 20_400 - 10_300;
    const running = [...hookEvents, event("begin", againMs, 6)];
    expect(allocatedCoreMs({ jobs, hookEvents: running })).toBe(
      4 * firstMs + 6 * (60_000 - againMs),
    );
    const ended = [...running, event("end", 50_100)];
    expect(allocatedCoreMs({ jobs, hookEvents: ended })).toBe(4 * firstMs + 6 * (50_100 - againMs));
  });

  test("are not ended by an earlier run's end if no hook saw the begin", () => {
    const jobs = [
      record({ endedAtMs: 20_000 }),
      record({ startedAtMs: 20_000, endedAtMs: null, state: "RUNNING" }),
    ];
    const hookEvents = [event("begin", 10_000, 4), event("end", 20_400)];
    expect(allocatedCoreMs({ jobs, hookEvents })).toBe(4 * (60_000 - 10_000));
  });

  test("are unknown from an end alone, and the whole node from a begin without cores", () => {
    expect(allocatedCoreMs({ hookEvents: [event("end", 2_500)] })).toBe(0);
    expect(allocatedCoreMs({ hookEvents: [event("begin", 59_000)] })).toBe(8 * 1_000);
  });

  test("are those that the hook reports, else an even split with the remainder on the first node", () => {
    const nodeSpans = [span(n1, 8, 0, 60_000), span(n2, 8, 0, 60_000)];
    const jobs = [record({ nodes: [n2, n1], cores: 7 })];
    const split = computeUtilization(input({ nodeSpans, jobs }));
    expect(split.perNode.map((node) => node.allocatedCoreMs)).toEqual([30_000, 40_000]);
    const hookEvents = [event("begin", 10_000, 6)];
    const known = computeUtilization(input({ nodeSpans, jobs, hookEvents }));
    expect(known.perNode.map((node) => node.allocatedCoreMs)).toEqual([60_000, 40_000]);
  });

  test("count once for a record read twice, and never exceed the node's", () => {
    expect(allocatedCoreMs({ jobs: [record({}), record({})] })).toBe(4 * 10_000);
    expect(allocatedCoreMs({ jobs: [record({ cores: 99 })] })).toBe(8 * 10_000);
  });

  test("do not count for jobs outside the report's period", () => {
    const jobs = [
      record({}),
      record({ id: jobId(8), startedAtMs: 60_000, endedAtMs: null }),
      record({ id: jobId(9), startedAtMs: 15_000, endedAtMs: 15_000 }),
    ];
    expect(computeUtilization(input({ jobs })).batchJobs).toBe(2);
  });
});

describe("harvested time", () => {
  test("counts holdings and useful spans only where the node was idle", () => {
    const figures = computeUtilization(
      input({
        jobs: [record({ cores: 6 })],
        holdings: [{ executor: executorId("e"), node: n1, cores: 8, fromMs: 5_000, toMs: 15_000 }],
        useful: [
          { invocation: invocationId(1), node: n1, cores: 3, fromMs: 9_000, toMs: 11_000 },
          { invocation: invocationId(2), node: n1, cores: 1, fromMs: 30_000, toMs: 31_000 },
        ],
      }),
    );
    expect(figures.idleCoreMs).toBe(8 * 60_000 - 60_000);
    expect(figures.coveredCoreMs).toBe(8 * 5_000 + 2 * 5_000);
    expect(figures.usefulCoreMs).toBe(3 * 1_000 + 2 * 1_000);
    expect(figures.coverage).toBeCloseTo(50_000 / 420_000, 12);
    expect(figures.goodput).toBeCloseTo(5_000 / 420_000, 12);
  });

  test("counts a worker once that several calls shared, by the best that became of them", () => {
    const worker = "x1/7";
    const of = (id: number, fromMs: number, toMs: number, worker?: string) => ({
      ...{ invocation: invocationId(id), node: n1, cores: 1, fromMs, toMs },
      ...(worker !== undefined && { worker }),
    });
    const figures = computeUtilization(
      input({
        holdings: [{ executor: executorId("e"), node: n1, cores: 8, fromMs: 0, toMs: 60_000 }],
        useful: [of(7, 0, 2_000, worker), of(8, 1_000, 4_000, worker), of(9, 0, 4_000)],
        unfinished: [{ node: n1, cores: 1, fromMs: 3_000, toMs: 6_000, end: "evicted", worker }],
      }),
    );
    expect(figures.usefulCoreMs).toBe(4_000 + 4_000);
    expect(figures.idleParts).toMatchObject({ useful: 8_000, evicted: 2_000 });
  });

  test("is zero if nothing was idle", () => {
    const figures = computeUtilization(input({ nodeSpans: [] }));
    expect(figures).toMatchObject({ nodes: 0, coverage: 0, goodput: 0, evictMs: null });
  });
});

describe("evictions", () => {
  test("have percentiles by nearest rank", () => {
    const values = Array.from({ length: 200 }, (_, index) => index + 1);
    expect(percentiles(values)).toEqual({ p50: 100, p99: 198, max: 200 });
    expect(percentiles([5])).toEqual({ p50: 5, p99: 5, max: 5 });
    expect(percentiles([])).toBeNull();
  });

  test("count if they fall into the report's period, each in one bin", () => {
    const evictions = [eviction(0, 3), eviction(1, 100), eviction(2, 9_000), eviction(60_000, 1)];
    const figures = computeUtilization(input({ evictions }));
    expect(figures).toMatchObject({
      evictions: 3,
      evictedAttempts: 6,
      lostToEvictionCoreMs: 90,
      evictMs: { p50: 100, p99: 9_000, max: 9_000 },
    });
    expect(figures.evictHistogram.filter(({ count }) => count > 0)).toEqual([
      { atMostMs: 5, count: 1 },
      { atMostMs: 100, count: 1 },
      { atMostMs: null, count: 1 },
    ]);
  });
});

describe("the series", () => {
  test("has a bounded number of steps, one per millisecond in a short report", () => {
    expect(computeUtilization(input({})).series).toHaveLength(maxSeriesPoints);
    expect(computeUtilization(input({ toMs: 3 })).series.map(({ atMs }) => atMs)).toEqual([
      0, 1, 2,
    ]);
    expect(computeUtilization(input({ toMs: 0 })).series).toEqual([]);
  });

  test("averages over a step, the last of which may be shorter", () => {
    const figures = computeUtilization(
      input({ toMs: 601, jobs: [record({ startedAtMs: 0, endedAtMs: null })], hookEvents: [] }),
    );
    expect(figures.series).toHaveLength(151);
    expect(figures.series.at(-1)).toMatchObject({ atMs: 600, allocatedCores: 4, idleCores: 4 });
  });
});

test.each([
  ["all of it", [[0, 60_000]], 0],
  ["nothing of it", [], 60_000],
  [
    "its middle, from two nodes at once",
    [
      [20_000, 50_000],
      [10_000, 30_000],
    ],
    20_000,
  ],
  [
    "two parts of it, beyond its ends",
    [
      [-5_000, 10_000],
      [40_000, 99_000],
    ],
    30_000,
  ],
  [
    "a part within another",
    [
      [10_000, 50_000],
      [20_000, 30_000],
    ],
    20_000,
  ],
])("a period of which nodes were seen during %s", (_what, seen, unobservedMs) => {
  const nodeSpans = seen.map(([fromMs, toMs], index) =>
    span(index === 0 ? n1 : n2, 8, fromMs!, toMs!),
  );
  expect(computeUtilization(input({ nodeSpans })).unobservedMs).toBe(unobservedMs);
});

test("a period that ends before it starts, or is too long to sum, is refused in a sentence", () => {
  expect(() => computeUtilization(input({ fromMs: 2, toMs: 1 }))).toThrow(/ends before it starts/);
  const toMs = 2 ** 51;
  const nodeSpans = [span(n1, 8, 0, toMs)];
  expect(() => computeUtilization(input({ toMs, nodeSpans }))).toThrow(/ask for a shorter one/);
});

test("the spans of 10,000 nodes and 100,000 jobs are summed exactly", () => {
  const dayMs = 86_400_000;
  const node = (index: number) => nodeName(`n${index % 10_000}`);
  const begin = (index: number) => Math.floor(index / 10_000) * 8_640_000;
  const many = Array.from({ length: 100_000 }, (_, index) => index);
  const figures = computeUtilization({
    ...input({ toMs: dayMs }),
    nodeSpans: many.slice(0, 10_000).map((index) => span(node(index), 64, 0, dayMs)),
    jobs: many.map((index) =>
      record({
        id: jobId(index),
        nodes: [node(index)],
        startedAtMs: begin(index),
        endedAtMs: begin(index) + 4_320_000,
      }),
    ),
    holdings: many.map((index) => ({
      executor: executorId(`e${index}`),
      node: node(index),
      cores: 60,
      fromMs: begin(index),
      toMs: begin(index) + 4_320_000,
    })),
    useful: many.map((index) => ({
      invocation: invocationId(index),
      node: node(index),
      cores: 30,
      fromMs: begin(index),
      toMs: begin(index) + 4_320_000,
    })),
  });
  expect(figures).toMatchObject({
    nodes: 10_000,
    batchJobs: 100_000,
    availableCoreMs: 10_000 * 64 * dayMs,
    allocatedCoreMs: 100_000 * 4 * 4_320_000,
    coveredCoreMs: 100_000 * 60 * 4_320_000,
    usefulCoreMs: 100_000 * 30 * 4_320_000,
  });
});
