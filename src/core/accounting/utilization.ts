// Computes how much batch jobs left idle, how much of that was held ready, and how much became
// finished work, in exact integer milliseconds.

import { GleanerError } from "../../model/errors.js";
import type { NodeName } from "../../model/ids.js";
import type {
  LeasedTime,
  NodeUtilization,
  Utilization,
  UtilizationInput,
  UtilizationPoint,
} from "../../model/records/utilization.js";
import { allocationsOf, type CoreSpan, latestWins } from "./allocations.js";
import { evictionFigures } from "./eviction-figures.js";
import { addIdle, addIdleSums, codeOf, noIdle, Waits, withoutZeros } from "./idle.js";
import { leasedIn } from "./leased.js";
import { heldOnce, type WorkSpan } from "./shared-workers.js";
import { unobservedIn } from "./unobserved.js";

/** The most points in the series: a plot on a screen cannot show more. */
export const maxSeriesPoints = 200;

const kinds = [
  "available",
  "allocated",
  "holdings",
  "useful",
  "evicted",
  "lost",
  "running",
  "condition",
] as const;
type Kind = (typeof kinds)[number];

/**
 * One node's spans. Each kind is a step function of time: the sum of the cores of its spans at that
 * moment. `condition` holds codeOf the node's condition in place of cores.
 */
type NodeLoad = Record<Kind, CoreSpan[]>;

/** Cores at a moment, or core-milliseconds of a period, depending on its use. */
export interface Amounts {
  available: number;
  allocated: number;
  idle: number;
  covered: number;
  useful: number;
}

/**
 * Computes the utilization of [fromMs, toMs), to which all spans are clipped. On each node, at each
 * moment t:
 *   available(t)  cores of the node's span (of two that overlap, the later-starting one)
 *   allocated(t)  cores that jobs hold (see allocationsOf), at most available(t)
 *   idle(t)       available(t) − allocated(t)
 *   covered(t)    cores that ready executors hold, at most idle(t)
 *   useful(t)     cores whose work finished, at most covered(t): work happens on held cores only,
 *                 so goodput never exceeds coverage
 *   the parts of idle(t), which add up to it: see addIdle
 * Totals are exact integers of core-milliseconds. The series has at most maxSeriesPoints steps of
 * equal whole milliseconds (the last may be shorter); the sum of each point's average times the
 * width of its step is the total. Nodes that were never available are omitted; the others are
 * sorted by name. Percentiles are by nearest rank. The order of the input's lists does not matter.
 * O(n log n) in the number of spans. Throws BAD_REQUEST if toMs precedes fromMs, and LIMIT_REACHED
 * if the core-milliseconds exceed the exact integers.
 */
export function computeUtilization(input: UtilizationInput): Utilization {
  const { fromMs, toMs } = input;
  if (toMs < fromMs) {
    throw new GleanerError("BAD_REQUEST", "the report ends before it starts: check its times");
  }
  const series = new Series(fromMs, toMs);
  const total = nothing();
  const totalIdle = noIdle();
  const waits = new Waits(input.waits);
  const perNode: NodeUtilization[] = [];
  const leasesOn = byNode(input.leased);
  const allocations = allocationsOf(input);
  for (const [node, load] of loadsByNode(input, allocations.byNode)) {
    const sum = nothing();
    const idle = noIdle();
    sweep(load, fromMs, toMs, (beginMs, endMs, level) => {
      const cores = amountsOf(level);
      addTo(sum, cores, endMs - beginMs);
      const waitedMs = waits.waitedMs(beginMs, endMs);
      addIdle(idle, { ...level, ...cores }, endMs - beginMs, waitedMs);
      series.add(beginMs, endMs, cores);
    });
    if (sum.available === 0) continue;
    addTo(total, sum, 1);
    addIdleSums(totalIdle, idle);
    const leased = leasedIn(leasesOn.get(node) ?? [], fromMs, toMs);
    perNode.push({ node, ...coreMs(sum), ...leased, idleParts: withoutZeros(idle) });
  }
  if (!Number.isSafeInteger(total.available)) {
    throw new GleanerError(
      "LIMIT_REACHED",
      "the period of the report is too long to sum: ask for a shorter one",
    );
  }
  return {
    fromMs,
    toMs,
    unobservedMs: unobservedIn(input.nodeSpans, fromMs, toMs),
    nodes: perNode.length,
    ...coreMs(total),
    ...leasedIn(input.leased, fromMs, toMs),
    idleParts: totalIdle,
    coverage: total.idle === 0 ? 0 : total.covered / total.idle,
    goodput: total.idle === 0 ? 0 : total.useful / total.idle,
    ...evictionFigures(input.evictions.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)),
    batchJobs: allocations.jobs,
    series: series.points(),
    perNode: perNode.sort((a, b) => compareNames(a.node, b.node)),
  };
}

function byNode<Span extends { readonly node: NodeName }>(
  spans: readonly Span[],
): ReadonlyMap<NodeName, readonly Span[]> {
  const found = new Map<NodeName, Span[]>();
  for (const span of spans) {
    const known = found.get(span.node);
    if (known === undefined) found.set(span.node, [span]);
    else known.push(span);
  }
  return found;
}

function loadsByNode(
  input: UtilizationInput,
  allocated: ReadonlyMap<NodeName, readonly CoreSpan[]>,
): Map<NodeName, NodeLoad> {
  const loads = new Map<NodeName, NodeLoad>();
  for (const [node, spans] of byNode(input.nodeSpans)) {
    const jobs = allocated.get(node) ?? [];
    loads.set(node, loadOf(latestWins(spans), jobs));
  }
  for (const holding of input.holdings) loads.get(holding.node)?.holdings.push(holding);
  const shared = new Map<string, { load: NodeLoad; spans: WorkSpan[] }>();
  const addWork = (node: NodeName, worker: string | null, span: WorkSpan) => {
    const load = loads.get(node);
    if (load === undefined) return;
    if (worker === null) load[span.fate].push(span);
    else if (!shared.has(worker)) shared.set(worker, { load, spans: [span] });
    else shared.get(worker)!.spans.push(span);
  };
  for (const { node, worker = null, ...span } of input.useful)
    addWork(node, worker, { ...span, fate: "useful" });
  for (const { node, worker = null, end, ...span } of input.unfinished)
    addWork(node, worker, { ...span, fate: end });
  for (const { load, spans } of shared.values())
    for (const span of heldOnce(spans)) load[span.fate].push(span);
  for (const { node, condition, fromMs, toMs } of input.conditions)
    loads.get(node)?.condition.push({ cores: codeOf(condition), fromMs, toMs });
  for (const load of loads.values()) load.condition = latestWins(load.condition);
  return loads;
}

const loadOf = (available: CoreSpan[], jobs: readonly CoreSpan[]): NodeLoad => ({
  available,
  allocated: [...jobs],
  holdings: [],
  useful: [],
  evicted: [],
  lost: [],
  running: [],
  condition: [],
});

type Levels = Readonly<Record<Kind, number>>;

interface Edge {
  readonly atMs: number;
  readonly kind: Kind;
  /** Cores that begin (positive) or end (negative) at this time. */
  readonly cores: number;
}

/**
 * Calls `add`, in time order, for each interval within [fromMs, toMs) during which the node has
 * cores and nothing changes.
 */
function sweep(
  load: NodeLoad,
  fromMs: number,
  toMs: number,
  add: (beginMs: number, endMs: number, level: Levels) => void,
): void {
  const edges: Edge[] = [];
  for (const kind of kinds) {
    for (const span of load[kind]) {
      const beginMs = Math.max(span.fromMs, fromMs);
      const endMs = Math.min(span.toMs, toMs);
      if (endMs <= beginMs) continue;
      edges.push({ atMs: beginMs, kind, cores: span.cores });
      edges.push({ atMs: endMs, kind, cores: -span.cores });
    }
  }
  edges.sort((a, b) => a.atMs - b.atMs);
  const level = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  let reachedMs = fromMs;
  for (const edge of edges) {
    if (edge.atMs > reachedMs) {
      if (level.available > 0) add(reachedMs, edge.atMs, level);
      reachedMs = edge.atMs;
    }
    level[edge.kind] += edge.cores;
  }
}

function amountsOf(level: Levels): Amounts {
  const { available } = level;
  const allocated = Math.min(available, level.allocated);
  const idle = available - allocated;
  const covered = Math.min(idle, level.holdings);
  return { available, allocated, idle, covered, useful: Math.min(covered, level.useful) };
}

const nothing = (): Amounts => ({ available: 0, allocated: 0, idle: 0, covered: 0, useful: 0 });

function addTo(sum: Amounts, amounts: Amounts, times: number): void {
  sum.available += amounts.available * times;
  sum.allocated += amounts.allocated * times;
  sum.idle += amounts.idle * times;
  sum.covered += amounts.covered * times;
  sum.useful += amounts.useful * times;
}

function coreMs(sum: Amounts): Omit<NodeUtilization, "node" | "idleParts" | keyof LeasedTime> {
  return {
    availableCoreMs: sum.available,
    allocatedCoreMs: sum.allocated,
    idleCoreMs: sum.idle,
    coveredCoreMs: sum.covered,
    usefulCoreMs: sum.useful,
  };
}

/** Sums core-milliseconds into steps of time. */
export class Series {
  private readonly stepMs: number;
  private readonly steps: Amounts[];

  constructor(
    private readonly fromMs: number,
    private readonly toMs: number,
  ) {
    this.stepMs = Math.max(1, Math.ceil((toMs - fromMs) / maxSeriesPoints));
    this.steps = Array.from({ length: Math.ceil((toMs - fromMs) / this.stepMs) }, nothing);
  }

  /** Adds constant `cores` during [beginMs, endMs), which lies within the series. */
  add(beginMs: number, endMs: number, cores: Amounts): void {
    let atMs = beginMs;
    while (atMs < endMs) {
      const index = Math.floor((atMs - this.fromMs) / this.stepMs);
      const untilMs = Math.min(endMs, this.fromMs + (index + 1) * this.stepMs);
      addTo(this.steps[index]!, cores, untilMs - atMs);
      atMs = untilMs;
    }
  }

  points(): UtilizationPoint[] {
    return this.steps.map((sum, index) => {
      const atMs = this.fromMs + index * this.stepMs;
      const widthMs = Math.min(this.stepMs, this.toMs - atMs);
      return {
        atMs,
        allocatedCores: sum.allocated / widthMs,
        idleCores: sum.idle / widthMs,
        coveredCores: sum.covered / widthMs,
        usefulCores: sum.useful / widthMs,
      };
    });
  }
}

const collator = new Intl.Collator("en", { numeric: true });

/** Sorts n2 before n10; names that the collator considers equal are ordered by their characters. */
function compareNames(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : Number(a > b));
}
