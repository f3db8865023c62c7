// Says in words what one replay assumed and what came out, for its HTML page.

import type { SimulationFact, SimulationFacts, SimulationTable } from "../../report/index.js";
import type { Costs, Demand, Policy, SimulationResult } from "../../sim/index.js";
import { bound, coreHours, count, noteLines, ratio } from "./output.js";

/** A replay with everything that it assumed. */
export interface AssumedRun {
  readonly result: SimulationResult;
  readonly demand: Demand;
  readonly costs: Costs;
  readonly policy: Policy;
  readonly seed: number;
}

export interface Sources {
  readonly holes?: string;
  readonly swf?: string;
  readonly sacct?: string;
  readonly machines?: string;
  readonly outages?: readonly string[];
  readonly invocations?: string;
}

export function factsOf(run: AssumedRun, sources: Sources): SimulationFacts {
  const [skippedLine = "", ...reasons] = noteLines({ ...run.result, remarks: [] });
  return {
    title: "Gleaner, simulated: what it would bring",
    records: recordsOf(sources),
    isOfHoles: sources.holes !== undefined,
    cores: run.result.cores,
    assumptions: assumptionsOf(run, sources),
    results: resultsOf(run.result),
    tables: tablesOf(run.result),
    notes: run.result.remarks.map((remark) => `${remark}.`),
    skipped: [skippedLine, ...reasons.map((reason) => reason.trim())],
  };
}

function recordsOf({ holes, swf, sacct }: Sources): string {
  if (holes !== undefined) return `a log of idle nodes (${holes})`;
  if (sacct !== undefined) return `job records of sacct (${sacct})`;
  return `job records in the Standard Workload Format (${swf})`;
}

const share = (value: number): string => `${(100 * value).toFixed(2)} %`;
const estimate = (value: number, error: number | undefined): string =>
  error === undefined ? share(value) : `${share(value)} ± ${share(2 * error)}`;
const ms = (value: number): string => (value < 1_000 ? `${value} ms` : `${value / 1_000} s`);

function resultsOf(result: SimulationResult): SimulationFact[] {
  const { ceiling, invocations } = result;
  const statistics =
    ceiling.knownStatistics === null
      ? []
      : [
          {
            name: "Expected at best, by statistics",
            value: share(ceiling.knownStatistics),
            meaning: "for a scheduler that knows holes by age and calls by function only",
          },
        ];
  return [
    {
      name: "Goodput",
      value: estimate(result.goodput, result.sample?.goodput.standardError),
      meaning: "of idle core-time became finished calls",
    },
    {
      name: "Ceiling with perfect knowledge",
      value: share(ceiling.perfectKnowledge),
      meaning: "no scheduler exceeds this, even if it knows when each hole begins and ends",
    },
    ...statistics,
    {
      name: "Ceiling without start-up",
      value: share(ceiling.noStartup),
      meaning: "if executors were ready at once besides",
    },
    {
      name: "Coverage",
      value: estimate(result.coverage, result.sample?.coverage.standardError),
      meaning: "of idle core-time was held ready, with memory for a call",
    },
    {
      name: "Idle without memory for a call",
      value: `${coreHours(result.fragments.lacksMemoryCoreMs + result.wholeNodes.lacksMemoryCoreMs)} core-hours`,
      meaning: "idle cores beside which there is not enough memory",
    },
    {
      name: "Calls finished",
      value: count(invocations.finished),
      meaning: `${count(invocations.onTime)} on time, ${count(invocations.evicted)} attempts evicted, ${count(invocations.refused)} refused`,
    },
    {
      name: "Lost to eviction",
      value: `${coreHours(result.lostToEvictionCoreMs)} core-hours`,
      meaning: "work of calls that a job interrupted and that ran again",
    },
    {
      name: "Minutes without executor",
      value: count(result.minutesWithoutExecutor),
      meaning: "a hole was open for over 2 s, and no executor was ready anywhere",
    },
  ];
}

function assumptionsOf(run: AssumedRun, sources: Sources): SimulationFact[] {
  return [
    {
      name: "Machines",
      value: `${count(run.result.nodes)} nodes, ${count(run.result.cores)} cores`,
      meaning: sources.machines === undefined ? "see the notes on the records" : sources.machines,
    },
    {
      name: "Outages",
      value: sources.outages?.join(", ") ?? "none",
      meaning:
        sources.outages !== undefined
          ? "these times are not idle"
          : sources.holes !== undefined
            ? "a log of idle nodes has none that were down"
            : "nodes that were down, drained or reserved are not told apart from idle ones",
    },
    ...demandFacts(run.demand, sources),
    ...costFacts(run.costs),
    ...policyFacts(run),
    { name: "Seed", value: String(run.seed), meaning: "the same seed gives the same figures" },
  ];
}

function policyFacts({ policy, costs }: AssumedRun): SimulationFact[] {
  const saving = {
    name: "Saved state",
    value: `every ${ms(costs.checkpointMs)}`,
    meaning: "of each call, which continues from there after an eviction",
  };
  return [
    { name: "Policy", value: policy.name, meaning: policy.summary },
    ...(policy.checkpoints ? [saving] : []),
    {
      name: "Memory left free",
      value: `${policy.holes.memoryMarginMb} MB`,
      meaning: "on each node, for its jobs",
    },
    {
      name: "Starts in a plan",
      value: String(costs.startsPerPlan),
      meaning: "executors at most; the next plan starts further ones",
    },
  ];
}

function demandFacts(demand: Demand, { invocations }: Sources): SimulationFact[] {
  const { durations, arrivals } = demand;
  const lengths = {
    fixed: () => (durations.kind === "fixed" ? ms(durations.ms) : ""),
    uniform: () =>
      durations.kind === "uniform" ? `${ms(durations.leastMs)} to ${ms(durations.mostMs)}` : "",
    exponential: () =>
      durations.kind === "exponential" ? `exponential, mean ${ms(durations.meanMs)}` : "",
    lognormal: () =>
      durations.kind === "lognormal"
        ? `lognormal, median ${ms(durations.medianMs)}, sigma ${durations.sigma}`
        : "",
    trace: () => `as in ${invocations}`,
  }[durations.kind]();
  const arrival =
    arrivals.kind === "saturating"
      ? "always more than fits"
      : arrivals.kind === "rate"
        ? `${arrivals.perSecond} a second`
        : `as in the trace, ${arrivals.scale} times as dense`;
  return [
    { name: "Length of calls", value: lengths, meaning: "each call takes one core" },
    {
      name: "Demand",
      value: arrival,
      meaning:
        arrivals.kind === "saturating"
          ? "an upper bound: a site with less work uses less"
          : "arrivals of calls",
    },
    {
      name: "Memory of a call",
      value: `${demand.memoryMb} MB`,
      meaning: "beside its core, else no call runs there",
    },
    {
      name: "Time limit of a call",
      value: "the longest of its function",
      meaning: "all that placement is told of its length",
    },
  ];
}

function costFacts(costs: Costs): SimulationFact[] {
  const { view, executorStartMs: start, nodeFailures } = costs;
  return [
    view.kind === "hook"
      ? {
          name: "Reaction",
          value: ms(view.reactionMs),
          meaning: "from the hook's report that a job left to a plan (calculated, not measured)",
        }
      : {
          name: "Polling",
          value: ms(view.intervalMs),
          meaning: "Slurm is read at this interval, without a hook",
        },
    {
      name: "Start of an executor",
      value: start.least === start.most ? ms(start.least) : `${start.least} to ${start.most} ms`,
      meaning: "from the plan until it is ready",
    },
    { name: "Cold start", value: ms(costs.coldStartMs), meaning: "for a worker's new function" },
    {
      name: "Eviction",
      value: ms(costs.evictionMs),
      meaning: "assumed, not measured here: a job's prolog would wait that long for its cores",
    },
    { name: "Notice", value: ms(costs.noticeMs), meaning: "before a job begins" },
    ...(nodeFailures === undefined
      ? []
      : [
          {
            name: "Failures of nodes",
            value: `every ${nodeFailures.everyMs / 3_600_000} h, ${ms(nodeFailures.repairMs)} each`,
            meaning: "added at random, for each node",
          },
        ]),
  ];
}

function tablesOf({ holeClasses, durationClasses }: SimulationResult): SimulationTable[] {
  const holes = {
    title: "Holes by length",
    columns: ["Length", "holes", "idle core-hours", "coverage", "goodput"],
    rows: holeClasses.map((each) => [
      bound(each.atMostMs),
      count(each.holes),
      coreHours(each.idleCoreMs),
      ratio(each.coveredCoreMs, each.idleCoreMs),
      ratio(each.usefulCoreMs, each.idleCoreMs),
    ]),
  };
  const calls = {
    title: "Calls by duration",
    columns: ["Duration", "submitted", "finished", "evicted attempts"],
    rows: durationClasses.map((each) => [
      bound(each.atMostMs),
      count(each.submitted),
      ratio(each.finished, each.submitted),
      count(each.evictedAttempts),
    ]),
  };
  return durationClasses.length === 0 ? [holes] : [holes, calls];
}
