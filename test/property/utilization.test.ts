// The utilization report agrees with a model that examines every moment, and its parts add up,
// whatever the records.

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { noLeases } from "../../src/core/accounting/leased.js";
import { computeUtilization } from "../../src/core/accounting/utilization.js";
import {
  executorId,
  invocationId,
  type JobId,
  jobId,
  type NodeName,
  nodeName,
} from "../../src/model/ids.js";
import type { IdlePart } from "../../src/model/records/idle.js";
import type {
  HookEvent,
  JobRecord,
  Utilization,
  UtilizationInput,
} from "../../src/model/records/utilization.js";

const nodes = [nodeName("n1"), nodeName("n2"), nodeName("n3")];
const jobs = [jobId(1), jobId(2), jobId(3), jobId(4)];
const ticks = 40;
const conditions = [
  "ready",
  "full",
  "starting",
  "completing",
  "tooShort",
  "memory",
  "of another release",
];

/**
 * Inputs whose times are multiples of 1 ms, or of 250 ms so that hook events fall inside and
 * outside a record's window.
 */
const inputs = fc.constantFrom(1, 250).chain((tickMs) => {
  const atMs = fc.integer({ min: 0, max: ticks }).map((tick) => tick * tickMs);
  const node = fc.constantFrom(...nodes);
  const cores = fc.integer({ min: 0, max: 9 });
  const during = { fromMs: atMs, toMs: atMs };
  const record = fc.record({
    id: fc.constantFrom(...jobs),
    displayId: fc.constant("x"),
    name: fc.string(),
    user: fc.constant("u"),
    partition: fc.constant("p"),
    state: fc.constant("s"),
    nodes: fc.uniqueArray(node, { maxLength: 3 }),
    cores,
    submittedAtMs: fc.constant(0),
    startedAtMs: atMs,
    endedAtMs: fc.option(atMs),
  });
  const event = fc.record({
    node,
    jobId: fc.constantFrom(...jobs),
    kind: fc.constantFrom("begin" as const, "end" as const),
    atMs,
    cores: fc.option(cores),
  });
  const invocation = fc.nat().map(invocationId);
  const executor = fc.string().map(executorId);
  const eviction = fc.record({
    node,
    jobId: fc.constantFrom(...jobs),
    atMs,
    tookMs: fc.nat(3_000),
    attempts: fc.nat(9),
    lostCoreMs: fc.nat(99),
    left: fc.constantFrom(0, 3, null),
  });
  return fc.record({
    window: fc
      .tuple(atMs, atMs)
      .map(([a, b]) => ({ fromMs: Math.min(a, b), toMs: Math.max(a, b) })),
    tickMs: fc.constant(tickMs),
    nodeSpans: fc.array(fc.record({ node, cores, ...during }), { maxLength: 6 }),
    jobs: fc.uniqueArray(record, { maxLength: 4, selector: ({ id }) => id }),
    hookEvents: fc.uniqueArray(event, {
      maxLength: 10,
      selector: (seen) => `${seen.node} ${seen.jobId} ${seen.atMs}`,
    }),
    holdings: fc.array(fc.record({ executor, node, cores, ...during }), { maxLength: 6 }),
    useful: fc.array(fc.record({ invocation, node, cores, ...during }), { maxLength: 6 }),
    ...idleRecords(node, cores, during),
    evictions: fc.array(eviction, { maxLength: 6 }),
  });
});

/** What the parts of idle core-time come from. */
function idleRecords(
  node: fc.Arbitrary<NodeName>,
  cores: fc.Arbitrary<number>,
  during: { fromMs: fc.Arbitrary<number>; toMs: fc.Arbitrary<number> },
) {
  const end = fc.constantFrom("evicted" as const, "lost" as const, "running" as const);
  const condition = fc.constantFrom(...conditions);
  return {
    unfinished: fc.array(fc.record({ node, cores, ...during, end }), { maxLength: 4 }),
    conditions: fc.uniqueArray(fc.record({ node, condition, ...during }), {
      maxLength: 8,
      selector: (span) => `${span.node} ${span.fromMs}`,
    }),
    waits: fc.array(fc.record(during), { maxLength: 4 }),
  };
}

type Case = typeof inputs extends fc.Arbitrary<infer Value> ? Value : never;
const inputOf = ({ window, tickMs: _, ...rest }: Case): UtilizationInput => ({
  ...window,
  ...rest,
  leased: [],
});

const at = (span: { fromMs: number; toMs: number }, ms: number) =>
  span.fromMs <= ms && ms < span.toMs;

/** The model: where a job is on a node at one moment, said as plainly as possible. */
function heldByJob(input: UtilizationInput, node: NodeName, job: JobId, ms: number): number {
  const seen = input.hookEvents
    .filter((event) => event.node === node && event.jobId === job)
    .sort((a, b) => a.atMs - b.atMs);
  const record = input.jobs.find(({ id, nodes: on }) => id === job && on.includes(node));
  const run = record === undefined ? null : recordedRun(record, node, seen, input.toMs);
  if (run !== null && at(run, ms)) return run.cores;
  const lastIndex = seen.findLastIndex((event) => event.atMs <= ms);
  const last = seen[lastIndex];
  if (last === undefined || last.kind === "end") return 0;
  const endMs = seen[lastIndex + 1]?.atMs ?? Math.max(input.toMs, last.atMs);
  if (run !== null && last.atMs <= run.toMs && run.fromMs <= endMs) return 0;
  return ms < endMs ? (last.cores ?? 1_000) : 0;
}

function recordedRun(
  record: JobRecord,
  node: NodeName,
  seen: readonly HookEvent[],
  reportEndMs: number,
) {
  const near = (kind: string, ms: number) =>
    seen.filter(
      (event) => event.kind === kind && event.atMs >= ms - 1_000 && event.atMs <= ms + 2_000,
    );
  const begin = near("begin", record.startedAtMs)[0];
  const fromMs = begin?.atMs ?? record.startedAtMs;
  const ends =
    record.endedAtMs === null
      ? seen.filter(({ kind }) => kind === "end")
      : near("end", record.endedAtMs);
  const end = ends.find(({ atMs }) => atMs >= fromMs)?.atMs;
  // Dealt out one by one, as cards are.
  const share = [0, 0, 0];
  for (let core = 0; core < record.cores; core++) share[core % record.nodes.length]! += 1;
  return {
    cores: begin?.cores ?? share[record.nodes.indexOf(node)]!,
    fromMs,
    toMs: Math.max(fromMs, end ?? record.endedAtMs ?? reportEndMs),
  };
}

/** Cores of a node at one moment: available, allocated, covered, useful. */
function momentOf(input: UtilizationInput, node: NodeName, ms: number) {
  const on = <Span extends { node: NodeName; fromMs: number; toMs: number }>(
    spans: readonly Span[],
  ) => spans.filter((span) => span.node === node && at(span, ms));
  const sum = (spans: readonly { cores: number }[]) =>
    spans.reduce((total, { cores }) => total + cores, 0);
  const open = on(input.nodeSpans);
  const latestMs = Math.max(...open.map(({ fromMs }) => fromMs));
  const latest = open.filter(({ fromMs }) => fromMs === latestMs).map(({ cores }) => cores);
  const available = latest.length === 0 ? 0 : Math.min(...latest);
  const held = jobs.reduce((total, job) => total + heldByJob(input, node, job, ms), 0);
  const allocated = Math.min(available, held);
  const idle = available - allocated;
  const covered = Math.min(idle, sum(on(input.holdings)));
  const useful = Math.min(covered, sum(on(input.useful)));
  return { available, allocated, idle, covered, useful };
}

/** The part that each idle core of a node belongs to at one moment. */
function partsAt(input: UtilizationInput, node: NodeName, ms: number): IdlePart[] {
  const { idle, covered, useful } = momentOf(input, node, ms);
  const work = (end: "evicted" | "lost" | "running"): IdlePart[] =>
    input.unfinished
      .filter((span) => span.node === node && span.end === end && at(span, ms))
      .flatMap(({ cores }) => Array<IdlePart>(cores).fill(end));
  const rest = input.waits.some((span) => at(span, ms)) ? "unplaced" : "noDemand";
  const held: IdlePart[] = [
    ...Array<IdlePart>(useful).fill("useful"),
    ...work("running"),
    ...work("evicted"),
    ...work("lost"),
    ...Array<IdlePart>(covered).fill(rest),
  ];
  const open = input.conditions.filter((span) => span.node === node && at(span, ms));
  const condition = open.sort((one, other) => other.fromMs - one.fromMs)[0]?.condition;
  const part =
    condition === undefined || condition === "of another release"
      ? "unrecorded"
      : condition === "ready" || condition === "full"
        ? "unseen"
        : (condition as IdlePart);
  return [...held.slice(0, covered), ...Array<IdlePart>(idle - covered).fill(part)];
}

test("the report agrees exactly with a model that examines every moment", () => {
  fc.assert(
    fc.property(inputs, (generated) => {
      const input = inputOf(generated);
      const figures = computeUtilization(input);
      const rows = nodes.map((node) => {
        const row = {
          node,
          availableCoreMs: 0,
          allocatedCoreMs: 0,
          idleCoreMs: 0,
          coveredCoreMs: 0,
          usefulCoreMs: 0,
          ...noLeases,
          idleParts: {} as Partial<Record<IdlePart, number>>,
        };
        for (let ms = input.fromMs; ms < input.toMs; ms += generated.tickMs) {
          const moment = momentOf(input, node, ms);
          row.availableCoreMs += moment.available * generated.tickMs;
          row.allocatedCoreMs += moment.allocated * generated.tickMs;
          row.idleCoreMs += moment.idle * generated.tickMs;
          row.coveredCoreMs += moment.covered * generated.tickMs;
          row.usefulCoreMs += moment.useful * generated.tickMs;
          for (const part of partsAt(input, node, ms))
            row.idleParts[part] = (row.idleParts[part] ?? 0) + generated.tickMs;
        }
        return row;
      });
      expect(figures.perNode).toEqual(rows.filter((row) => row.availableCoreMs > 0));
    }),
    { numRuns: 1_000 },
  );
});

const amounts = ["allocated", "idle", "covered", "useful"] as const;

type Figures = Pick<Utilization, "availableCoreMs" | `${(typeof amounts)[number]}CoreMs`> & {
  readonly idleParts: Readonly<Partial<Record<IdlePart, number>>>;
};

function expectToFit(figures: Figures) {
  const parts = Object.values(figures.idleParts);
  expect(parts.reduce((sum, part) => sum + part, 0)).toBe(figures.idleCoreMs);
  expect(parts.every((part) => Number.isInteger(part) && part >= 0)).toBe(true);
  expect(figures.idleParts.useful ?? 0).toBe(figures.usefulCoreMs);
  expect(figures.allocatedCoreMs + figures.idleCoreMs).toBe(figures.availableCoreMs);
  expect(figures.coveredCoreMs).toBeLessThanOrEqual(figures.idleCoreMs);
  expect(figures.usefulCoreMs).toBeLessThanOrEqual(figures.coveredCoreMs);
  for (const amount of amounts) expect(figures[`${amount}CoreMs`]).toBeGreaterThanOrEqual(0);
}

test("useful ≤ covered ≤ idle, allocated + idle = available, and nodes and series sum to the totals", () => {
  fc.assert(
    fc.property(inputs, (generated) => {
      const figures = computeUtilization(inputOf(generated));
      expectToFit(figures);
      figures.perNode.forEach(expectToFit);
      for (const amount of amounts) {
        const total = figures[`${amount}CoreMs`];
        const ofNodes = figures.perNode.reduce((sum, node) => sum + node[`${amount}CoreMs`], 0);
        expect(ofNodes).toBe(total);
        const ofSeries = figures.series.reduce((sum, point, index) => {
          const endMs = figures.series[index + 1]?.atMs ?? figures.toMs;
          return sum + point[`${amount}Cores`] * (endMs - point.atMs);
        }, 0);
        expect(ofSeries).toBeCloseTo(total, 6);
      }
      expect(figures.evictHistogram.reduce((sum, { count }) => sum + count, 0)).toBe(
        figures.evictions,
      );
    }),
  );
});

test("the order of the input does not change the report", () => {
  const shuffled = inputs.chain((generated) => {
    const input = inputOf(generated);
    const mix = <Item>(list: readonly Item[]) =>
      fc.shuffledSubarray([...list], { minLength: list.length });
    return fc.tuple(
      fc.constant(input),
      fc.record({
        fromMs: fc.constant(input.fromMs),
        toMs: fc.constant(input.toMs),
        leased: fc.constant(input.leased),
        nodeSpans: mix(input.nodeSpans),
        jobs: mix(input.jobs),
        hookEvents: mix(input.hookEvents),
        holdings: mix(input.holdings),
        useful: mix(input.useful),
        unfinished: mix(input.unfinished),
        conditions: mix(input.conditions),
        waits: mix(input.waits),
        evictions: mix(input.evictions),
      }),
    );
  });
  fc.assert(
    fc.property(shuffled, ([input, mixed]) => {
      expect(computeUtilization(mixed)).toEqual(computeUtilization(input));
    }),
  );
});

test("a later report of the same events differs only in its times", () => {
  fc.assert(
    fc.property(inputs, fc.integer({ min: -10_000, max: 2_000_000_000_000 }), (generated, byMs) => {
      const input = inputOf(generated);
      const during = <Span extends { fromMs: number; toMs: number }>(span: Span): Span => ({
        ...span,
        fromMs: span.fromMs + byMs,
        toMs: span.toMs + byMs,
      });
      const moment = <Event extends { atMs: number }>(event: Event): Event => ({
        ...event,
        atMs: event.atMs + byMs,
      });
      const shifted = computeUtilization({
        ...during(input),
        nodeSpans: input.nodeSpans.map(during),
        jobs: input.jobs.map((job) => ({
          ...job,
          startedAtMs: job.startedAtMs + byMs,
          endedAtMs: job.endedAtMs === null ? null : job.endedAtMs + byMs,
        })),
        hookEvents: input.hookEvents.map(moment),
        holdings: input.holdings.map(during),
        useful: input.useful.map(during),
        unfinished: input.unfinished.map(during),
        conditions: input.conditions.map(during),
        waits: input.waits.map(during),
        evictions: input.evictions.map(moment),
      });
      const figures = computeUtilization(input);
      const violations = figures.violations?.map(moment) ?? null;
      const series = figures.series.map(moment);
      expect(shifted).toEqual({ ...during(figures), violations, series });
    }),
  );
});
