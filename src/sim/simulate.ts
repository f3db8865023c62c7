// Runs one replay, from its inputs to its figures.

import { assert } from "../model/errors.js";
import type { Percentiles, Utilization } from "../model/records/utilization.js";
import type { Costs } from "./costs.js";
import { Engine } from "./engine.js";
import { Figures, type PartCoverage } from "./figures/figures.js";
import type { CallLengths, HoleClass } from "./figures/hole-book.js";
import { statisticsCeiling } from "./figures/statistics-ceiling.js";
import { Learner } from "./learner.js";
import type { Policy } from "./policies.js";
import { seeded } from "./random.js";
import { type Estimate, estimateOf } from "./sample.js";
import { withNodeFailures } from "./site/failures.js";
import { withMemoryNotes } from "./site/memory.js";
import { skippedRecords } from "./site/notes.js";
import type { Sample, Trace } from "./site/trace.js";
import { CallFigures, type DurationClass } from "./work/call-figures.js";
import { Calls } from "./work/calls.js";
import { CallSource, type Demand, shortestCallMs } from "./work/demand.js";
import { Streams } from "./work/streams.js";

export interface Replay {
  readonly trace: Trace;
  readonly demand: Demand;
  readonly costs: Costs;
  readonly policy: Policy;
  readonly seed: number;
  readonly onProgress: (share: number) => void;
  /** Whether to follow each call even where their number could be calculated, for comparison. */
  readonly followCalls?: boolean;
  /** Whether placement looks at all nodes even where only empty ones matter, for comparison. */
  readonly offersAll?: boolean;
}

export interface SimulationResult {
  readonly policy: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly nodes: number;
  readonly cores: number;
  readonly coverage: number;
  readonly goodput: number;
  readonly idleCoreMs: number;
  readonly coveredCoreMs: number;
  readonly usefulCoreMs: number;
  readonly lostToEvictionCoreMs: number;
  readonly minutesWithoutExecutor: number;
  readonly invocations: {
    readonly finished: number;
    readonly evicted: number;
    readonly onTime: number;
    readonly refused: number;
    readonly unfinished: number;
    /** null if demand is saturating. */
    readonly waitMs: Percentiles | null;
  };
  /** No scheduler exceeds these goodputs. */
  readonly ceiling: {
    readonly perfectKnowledge: number;
    readonly noStartup: number;
    /**
     * The best that a scheduler can do that knows holes by age and calls by function; null if this
     * was not requested or does not apply.
     */
    readonly knownStatistics: number | null;
  };
  readonly fragments: PartCoverage;
  readonly wholeNodes: PartCoverage;
  readonly holeClasses: readonly HoleClass[];
  readonly durationClasses: readonly DurationClass[];
  readonly evictions: number;
  /** Estimates for all nodes if the replay is of a sample of them, else null. */
  readonly sample: (Sample & { readonly coverage: Estimate; readonly goodput: Estimate }) | null;
  readonly skippedRecords: number;
  readonly skipped: Readonly<Record<string, number>>;
  /** The place of the first record skipped for each reason. */
  readonly firstSkipped: Readonly<Record<string, string>>;
  readonly remarks: readonly string[];
}

export interface Simulated {
  readonly result: SimulationResult;
  readonly utilization: Utilization;
}

/** placement.vacateMs of the configuration. */
const vacateMs = 200;

/** The same inputs and the same seed give the same figures on every machine. */
export function simulate(replay: Replay): Simulated {
  const { demand, costs, policy, seed } = replay;
  const suitable = withMemoryNotes(replay.trace, demand.memoryMb, policy.holes.memoryMarginMb);
  const trace = withNodeFailures(suitable, costs.nodeFailures, seeded(seed + 2));
  const saturating = demand.arrivals.kind === "saturating";
  const isFixed = demand.durations.kind === "fixed";
  const figures = new Figures(trace, costs, lengthsOf(demand, policy));
  const callFigures = new CallFigures(saturating);
  const drains = policy.ends === "known" && policy.holes.minimumHoleMs > 0;
  const mayClose = drains || costs.noticeMs > 0;
  // With endless calls of one length there is nothing to choose.
  const reckons =
    saturating && isFixed && !mayClose && !policy.checkpoints && replay.followCalls !== true;
  const learner = policy.predicts && !reckons ? new Learner(vacateMs) : null;
  const engine = new Engine({
    trace,
    costs,
    policy,
    callMemoryMb: demand.memoryMb,
    random: seeded(seed),
    figures,
    learner,
    onProgress: replay.onProgress,
  });
  const workload =
    reckons && demand.durations.kind === "fixed"
      ? new Streams(trace.nodes.length, demand.durations.ms, costs.coldStartMs, figures)
      : new Calls(
          trace.nodes.length,
          {
            saturating,
            cores: trace.nodes.reduce((sum, node) => sum + node.cores, 0),
            memoryMb: demand.memoryMb,
            coldStartMs: costs.coldStartMs,
            checkpointMs: policy.checkpoints ? costs.checkpointMs : null,
            placement:
              learner === null ? policy.placement : { ...policy.placement, prediction: learner },
            learner,
            knowsEnds: policy.ends === "known",
            offersAll: replay.offersAll === true,
            hole: (node) => engine.holeOf(node),
            endsAtMs: (node) => engine.expectedEndMs(node),
          },
          new CallSource(demand, seeded(seed + 1)),
          trace.fromMs,
          figures,
          callFigures,
        );
  engine.run(workload);
  const utilization = figures.utilization();
  const onTime = reckons
    ? Math.max(0, figures.finishedCalls - figures.evictedAttempts)
    : callFigures.onTime;
  return {
    utilization,
    result: resultOf({ ...replay, trace }, figures, callFigures, utilization, onTime),
  };
}

function sampleOf({ sample }: Trace, { perNode }: Utilization): SimulationResult["sample"] {
  if (sample === undefined) return null;
  const coverage = estimateOf(perNode, "coveredCoreMs", sample);
  const goodput = estimateOf(perNode, "usefulCoreMs", sample);
  return { ...sample, coverage, goodput };
}

function lengthsOf({ durations, arrivals }: Demand, policy: Policy): CallLengths {
  // A call that saves its state fills a hole in pieces.
  if (policy.checkpoints) return { shortestMs: 1, isFixed: false, vary: false };
  return {
    shortestMs: shortestCallMs(durations),
    isFixed: durations.kind === "fixed",
    vary: arrivals.kind === "saturating" && durations.kind === "trace",
  };
}

function knownStatistics({ holes }: Figures, { durations }: Demand): number | null {
  const lasted = holes.lasted();
  if (lasted === null || durations.kind !== "trace") return null;
  return statisticsCeiling(lasted.survival, "wholeNode", lasted.longestMs, durations.calls);
}

function resultOf(
  { trace, policy, demand }: Replay,
  figures: Figures,
  calls: CallFigures,
  utilization: Utilization,
  onTime: number,
): SimulationResult {
  const { coverage, goodput, idleCoreMs, coveredCoreMs, usefulCoreMs } = utilization;
  const bounds = figures.holes.ceiling();
  const statistics = knownStatistics(figures, demand);
  const ceiling = {
    ...bounds,
    // Statistics ignore the start of executors, which perfect knowledge pays as well.
    knownStatistics: statistics === null ? null : Math.min(statistics, bounds.perfectKnowledge),
  };
  assert(goodput <= ceiling.perfectKnowledge + 1e-9, "no goodput exceeds its ceiling");
  return {
    policy: policy.name,
    fromMs: trace.fromMs,
    toMs: trace.toMs,
    nodes: trace.nodes.length,
    cores: trace.nodes.reduce((sum, { cores }) => sum + cores, 0),
    coverage,
    goodput,
    idleCoreMs,
    coveredCoreMs,
    usefulCoreMs,
    lostToEvictionCoreMs: figures.lostCoreMs,
    minutesWithoutExecutor: figures.minutes.withoutExecutor(),
    invocations: {
      finished: figures.finishedCalls,
      evicted: figures.evictedAttempts,
      onTime,
      refused: calls.refused,
      unfinished: calls.stillWaiting + calls.stillRunning,
      waitMs: calls.waitMs(),
    },
    ceiling,
    fragments: figures.fragments.figures(),
    wholeNodes: figures.wholeNodes.figures(),
    holeClasses: figures.holes.all(),
    durationClasses: calls.durationClasses(),
    evictions: figures.evictions,
    sample: sampleOf(trace, utilization),
    skippedRecords: skippedRecords(trace.notes),
    skipped: trace.notes.skipped,
    firstSkipped: trace.notes.firstSkipped ?? {},
    remarks: trace.notes.remarks,
  };
}
