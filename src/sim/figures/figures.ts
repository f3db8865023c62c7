// The figures of a replay, summed while it runs: core-time per node, hole and step of time, without
// a list of all spans.

import { evictionHistogram, percentiles } from "../../core/accounting/eviction-figures.js";
import { noIdle } from "../../core/accounting/idle.js";
import { noLeases } from "../../core/accounting/leased.js";
import { type Amounts, Series } from "../../core/accounting/utilization.js";
import { assert } from "../../model/errors.js";
import type { Utilization } from "../../model/records/utilization.js";
import type { Costs } from "../costs.js";
import type { Trace } from "../site/trace.js";
import type { WorkSink } from "../work/workload.js";
import { type CallLengths, HoleBook } from "./hole-book.js";
import { Minutes } from "./minutes.js";

/** The state of a node from some moment on. Cores that are neither allocated nor idle are out. */
export interface NodeLevel {
  readonly allocatedCores: number;
  readonly idleCores: number;
  /** Idle cores beside which there is memory for a call. */
  readonly usableCores: number;
  /** The cores on which ready executors can run a call; 0 while one starts. */
  readonly heldCores: number;
}

const unknown: NodeLevel = { allocatedCores: 0, idleCores: 0, usableCores: 0, heldCores: 0 };

interface Sums {
  allocated: number;
  idle: number;
  covered: number;
  useful: number;
}

const nothing = (): Sums => ({ allocated: 0, idle: 0, covered: 0, useful: 0 });

export interface PartCoverage {
  readonly coverage: number;
  readonly idleCoreMs: number;
  readonly coveredCoreMs: number;
  /** Idle, but without memory for a call; not part of `coverage` here. */
  readonly lacksMemoryCoreMs: number;
}

class Part {
  private idle = 0;
  private covered = 0;
  private lacking = 0;

  add(idleCoreMs: number, coveredCoreMs: number, usableCoreMs: number): void {
    this.idle += idleCoreMs;
    this.covered += coveredCoreMs;
    this.lacking += idleCoreMs - usableCoreMs;
  }

  figures(): PartCoverage {
    const usable = this.idle - this.lacking;
    return {
      coverage: usable === 0 ? 0 : Math.min(1, this.covered / usable),
      idleCoreMs: this.idle,
      coveredCoreMs: this.covered,
      lacksMemoryCoreMs: this.lacking,
    };
  }
}

export class Figures implements WorkSink {
  readonly fragments = new Part();
  readonly wholeNodes = new Part();
  readonly holes: HoleBook;
  readonly minutes: Minutes;
  finishedCalls = 0;
  evictedAttempts = 0;
  lostCoreMs = 0;
  evictions = 0;
  private readonly evictionMs: number;
  private readonly level: NodeLevel[];
  private readonly sinceMs: Float64Array;
  private readonly perNode: Sums[];
  private readonly series: Series;

  constructor(
    private readonly trace: Trace,
    costs: Costs,
    calls: CallLengths,
  ) {
    const { nodes, fromMs, toMs } = trace;
    this.evictionMs = costs.evictionMs;
    this.level = nodes.map(() => unknown);
    this.sinceMs = new Float64Array(nodes.length).fill(fromMs);
    this.perNode = nodes.map(nothing);
    this.series = new Series(fromMs, toMs);
    this.minutes = new Minutes(fromMs, toMs);
    this.holes = new HoleBook(nodes.length, costs, calls, this.minutes);
  }

  /** The node's level changes at `nowMs`; sums everything before. */
  set(node: number, nowMs: number, level: NodeLevel): void {
    assert(
      level.heldCores <= level.usableCores,
      `no executor holds what a job holds (node ${this.trace.nodes[node]!.name})`,
    );
    this.sum(node, nowMs);
    const before = this.level[node]!;
    this.level[node] = level;
    const { idleCores, usableCores } = level;
    const changed = idleCores !== before.idleCores || usableCores !== before.usableCores;
    if (changed || nowMs === this.trace.fromMs)
      this.holes.idle(node, nowMs, idleCores, usableCores);
    if (level.heldCores > 0 !== before.heldCores > 0)
      this.minutes.held(node, nowMs, level.heldCores > 0);
  }

  finished(node: number, slots: number, fromMs: number, toMs: number, calls: number): void {
    const coreMs = slots * (toMs - fromMs);
    this.finishedCalls += slots * calls;
    this.perNode[node]!.useful += coreMs;
    this.holes.useful(node, coreMs);
    this.series.add(fromMs, toMs, { ...noAmounts, useful: slots });
  }

  evicted(attempts: number, lostMs: number): void {
    this.evictions++;
    this.evictedAttempts += attempts;
    this.lostCoreMs += lostMs;
  }

  end(): void {
    for (const node of this.trace.nodes.keys()) {
      this.sum(node, this.trace.toMs);
      this.holes.idle(node, this.trace.toMs, 0, 0);
      this.minutes.held(node, this.trace.toMs, false);
    }
  }

  private sum(node: number, nowMs: number): void {
    const fromMs = this.sinceMs[node]!;
    const lastsMs = nowMs - fromMs;
    if (lastsMs === 0) return;
    this.sinceMs[node] = nowMs;
    const {
      allocatedCores: allocated,
      idleCores: idle,
      usableCores,
      heldCores,
    } = this.level[node]!;
    const sums = this.perNode[node]!;
    sums.allocated += allocated * lastsMs;
    sums.idle += idle * lastsMs;
    sums.covered += heldCores * lastsMs;
    this.series.add(fromMs, nowMs, {
      available: allocated + idle,
      allocated,
      idle,
      covered: heldCores,
      useful: 0,
    });
    if (idle === 0) return;
    const part = allocated > 0 ? this.fragments : this.wholeNodes;
    part.add(idle * lastsMs, heldCores * lastsMs, usableCores * lastsMs);
    this.holes.pass(node, fromMs, nowMs, { idle, usable: usableCores, held: heldCores });
  }

  /** The same figures as in the report of a real site. */
  utilization(): Utilization {
    const total = nothing();
    for (const sums of this.perNode)
      for (const key of ["allocated", "idle", "covered", "useful"] as const)
        total[key] += sums[key];
    const coreMs = ({ allocated, idle, covered, useful }: Sums) => ({
      availableCoreMs: allocated + idle,
      allocatedCoreMs: allocated,
      idleCoreMs: idle,
      coveredCoreMs: covered,
      usefulCoreMs: useful,
      ...noLeases,
    });
    const took = this.evictions === 0 ? [] : [this.evictionMs];
    return {
      fromMs: this.trace.fromMs,
      toMs: this.trace.toMs,
      unobservedMs: 0,
      nodes: this.trace.nodes.length,
      ...coreMs(total),
      idleParts: { ...noIdle(), ...partsOf(total) },
      coverage: total.idle === 0 ? 0 : total.covered / total.idle,
      goodput: total.idle === 0 ? 0 : total.useful / total.idle,
      evictions: this.evictions,
      evictedAttempts: this.evictedAttempts,
      lostToEvictionCoreMs: this.lostCoreMs,
      evictMs: percentiles(took),
      // All evictions took equally long.
      evictHistogram: evictionHistogram(took).map((bin) => ({
        ...bin,
        count: bin.count * this.evictions,
      })),
      // Nothing is late here, because there are no processes.
      violations: null,
      batchJobs: this.trace.jobs,
      series: this.series.points(),
      perNode: this.perNode.map((sums, node) => ({
        node: this.trace.nodes[node]!.name,
        ...coreMs(sums),
        idleParts: partsOf(sums),
      })),
    };
  }
}

/** A simulation does not record reasons. */
const partsOf = ({ idle, useful }: Sums) => ({ useful, unrecorded: idle - useful });

const noAmounts: Amounts = { available: 0, allocated: 0, idle: 0, covered: 0, useful: 0 };
