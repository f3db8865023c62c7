// Turns simulate's options into the inputs of a replay: the trace, the demand and the costs.

import { GleanerError } from "../../model/errors.js";
import type { Costs, Demand, Machines, Trace, WindowWish } from "../../sim/index.js";
import { parseCores, parseMemoryMb, quoted } from "../values.js";
import {
  parseArrivals,
  parseCount,
  parseDurations,
  parseFactor,
  parseMs,
  parseStart,
} from "./values.js";

type Sim = typeof import("../../sim/index.js");

export interface TraceOptions {
  readonly holes?: string;
  readonly swf?: string;
  readonly sacct?: string;
  readonly fields?: string;
  readonly machines?: string;
  readonly nodes?: string;
  readonly coresPerNode?: string;
  readonly memoryPerCore: string;
  readonly from?: string;
  readonly to?: string;
  readonly outages?: readonly string[];
  readonly sample?: string;
}

/** The options that --sweep can vary. */
export interface DemandOptions {
  readonly call: string;
  readonly invocations?: string;
  readonly arrivals: string;
  readonly scale: string;
  readonly callMemory: string;
  readonly poll?: string;
  readonly reaction?: string;
  readonly executorStart?: string;
  readonly startsPerPlan?: string;
  readonly coldStart?: string;
  readonly eviction?: string;
  readonly notice?: string;
  readonly checkpoint?: string;
  readonly nodeFailures?: string;
  readonly nodeRepair: string;
}

/** Maps the name of each option to its key. */
export const sweepable: Readonly<Record<string, keyof DemandOptions>> = {
  call: "call",
  arrivals: "arrivals",
  scale: "scale",
  "call-memory": "callMemory",
  poll: "poll",
  reaction: "reaction",
  "executor-start": "executorStart",
  "starts-per-plan": "startsPerPlan",
  "cold-start": "coldStart",
  eviction: "eviction",
  notice: "notice",
  checkpoint: "checkpoint",
  "node-failures": "nodeFailures",
};

/** More nodes than any site has. */
const maxNodes = 65_536;
/** The largest accepted time between failures. */
const tenYearsMs = 3_650 * 86_400_000;

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);

/** The most days of a sample: more results do not fit side by side. */
const mostDays = 50;

/**
 * The trace of the options, or of each day of a sample; nodes or days are drawn with the seed.
 * `ofDays` is null unless it is one of days.
 */
export async function tracesFrom(
  options: TraceOptions,
  seed: number,
  sim: Sim,
): Promise<{ readonly traces: readonly Trace[]; readonly ofDays: number | null }> {
  const trace = await wholeTraceFrom(options, sim);
  const { sample } = options;
  if (sample === undefined) return { traces: [trace], ofDays: null };
  const isOfDays = sample.endsWith("d");
  const most = isOfDays ? mostDays : sim.maxNodes;
  const count = parseCount(isOfDays ? sample.slice(0, -1) : sample, "--sample", most);
  if (count < 2)
    throw bad("--sample: give at least 2 nodes or days: the error follows from their differences");
  const random = sim.seeded(seed);
  if (!isOfDays) return { traces: [sim.sampleNodes(trace, count, random)], ofDays: null };
  const { days, ofDays } = sim.sampleDays(trace, count, random);
  return { traces: days, ofDays };
}

async function wholeTraceFrom(options: TraceOptions, sim: Sim): Promise<Trace> {
  const given = [options.holes, options.swf, options.sacct].filter((each) => each !== undefined);
  if (given.length !== 1)
    throw bad(
      "give one trace: --holes FILE, --swf FILE or --sacct FILE, or calls: --functions FILE",
    );
  const window = windowFrom(options, sim);
  const outages: Awaited<ReturnType<Sim["readOutages"]>>[] = [];
  for (const file of options.outages ?? []) outages.push(await sim.readOutages(sim.linesOf(file)));
  const trace = await logFrom(options, window, sim);
  if (outages.length > 0) return sim.withOutages(trace, sim.outagesOf(outages));
  // A log of idle nodes has none that were out.
  return options.holes === undefined ? withRemark(trace, sim.noOutages) : trace;
}

const withRemark = (trace: Trace, remark: string): Trace => ({
  ...trace,
  notes: { ...trace.notes, remarks: [...trace.notes.remarks, remark] },
});

async function logFrom(options: TraceOptions, window: WindowWish, sim: Sim): Promise<Trace> {
  const memoryPerCoreMb = parseMemoryMb(options.memoryPerCore, "--memory-per-core");
  if (options.holes !== undefined) {
    const nodes = await holeNodes(options, memoryPerCoreMb, sim);
    return sim.readHoleLog(sim.linesOf(options.holes), nodes, window);
  }
  const machines = await machinesFrom(options, memoryPerCoreMb, sim);
  const wish = { ...(machines ?? { groups: null }), memoryPerCoreMb };
  if (options.swf !== undefined) return sim.readSwf(sim.linesOf(options.swf), wish, window);
  const fields = options.fields?.split(",") ?? null;
  return sim.readSacct(sim.linesOf(options.sacct!), wish, fields, window);
}

async function holeNodes(options: TraceOptions, memoryPerCoreMb: number, sim: Sim) {
  if (options.machines !== undefined) {
    const { named } = await sim.readMachines(sim.linesOf(options.machines), memoryPerCoreMb);
    if (named !== null) return named;
    throw bad(
      "a hole log needs nodes by name: give --machines the output of scontrol -o show node, or --cores-per-node",
    );
  }
  if (options.coresPerNode === undefined)
    throw bad("a hole log does not contain the size of nodes: add --cores-per-node, or --machines");
  const cores = parseCores(options.coresPerNode, "--cores-per-node");
  return { cores, memoryMb: cores * memoryPerCoreMb };
}

function windowFrom({ from, to }: TraceOptions, sim: Sim): WindowWish {
  const time = (text: string | undefined, option: string) => {
    if (text === undefined) return null;
    const atMs = sim.readTimeMs(text, 0);
    if (atMs !== null) return atMs;
    throw bad(
      `${option}: invalid time ${quoted(text)}: expected 2026-01-01, 2026-01-01T12:00:00 in UTC, or seconds since the epoch`,
    );
  };
  const window = { fromMs: time(from, "--from"), toMs: time(to, "--to") };
  if (window.fromMs !== null && window.toMs !== null && window.toMs <= window.fromMs)
    throw bad("--to is not later than --from: give the earlier time to --from");
  return window;
}

async function machinesFrom(
  { machines: file, nodes, coresPerNode }: TraceOptions,
  memoryPerCoreMb: number,
  sim: Sim,
): Promise<Machines | null> {
  if (file !== undefined) {
    if (nodes !== undefined || coresPerNode !== undefined)
      throw bad("--machines lists all nodes: omit --nodes and --cores-per-node");
    return sim.readMachines(sim.linesOf(file), memoryPerCoreMb);
  }
  if (nodes === undefined && coresPerNode === undefined) return null;
  if (nodes === undefined || coresPerNode === undefined)
    throw bad("--nodes and --cores-per-node belong together: give both");
  const count = parseCount(nodes, "--nodes", sim.maxNodes);
  const cores = parseCores(coresPerNode, "--cores-per-node");
  return sim.equalMachines(count, cores, memoryPerCoreMb);
}

/** Reads the trace of invocations once for all runs. */
export async function tracedCalls(options: DemandOptions, sim: Sim) {
  if (options.invocations === undefined) return null;
  return sim.readInvocations(sim.linesOf(options.invocations));
}

export function demandFrom(
  options: DemandOptions,
  traced: Awaited<ReturnType<typeof tracedCalls>>,
): Demand {
  const scale = parseFactor(options.scale, "--scale");
  const durations =
    traced === null
      ? parseDurations(options.call)
      : ({ kind: "trace", calls: traced.calls } as const);
  return {
    durations,
    arrivals: parseArrivals(options.arrivals, scale, traced !== null),
    memoryMb: parseMemoryMb(options.callMemory, "--call-memory"),
  };
}

export function costsFrom(options: DemandOptions, measured: Costs): Costs {
  const { poll, reaction, executorStart, coldStart, eviction, notice, checkpoint } = options;
  const { nodeFailures, nodeRepair, startsPerPlan } = options;
  if (poll !== undefined && reaction !== undefined)
    throw bad("--poll and --reaction are mutually exclusive: give only one of them");
  const orElse = (text: string | undefined, name: string, otherwise: number) =>
    text === undefined ? otherwise : parseMs(text, `--${name}`, 0);
  const view =
    poll !== undefined
      ? ({ kind: "poll", intervalMs: parseMs(poll, "--poll", 1) } as const)
      : reaction !== undefined
        ? ({ kind: "hook", reactionMs: parseMs(reaction, "--reaction", 1) } as const)
        : measured.view;
  return {
    view,
    executorStartMs:
      executorStart === undefined ? measured.executorStartMs : parseStart(executorStart),
    startsPerPlan:
      startsPerPlan === undefined
        ? measured.startsPerPlan
        : parseCount(startsPerPlan, "--starts-per-plan", maxNodes),
    coldStartMs: orElse(coldStart, "cold-start", measured.coldStartMs),
    evictionMs: orElse(eviction, "eviction", measured.evictionMs),
    noticeMs: orElse(notice, "notice", measured.noticeMs),
    checkpointMs:
      checkpoint === undefined ? measured.checkpointMs : parseMs(checkpoint, "--checkpoint", 1),
    ...(nodeFailures === undefined
      ? {}
      : {
          nodeFailures: {
            everyMs: parseMs(nodeFailures, "--node-failures", 60_000, tenYearsMs),
            repairMs: parseMs(nodeRepair, "--node-repair", 1),
          },
        }),
  };
}
