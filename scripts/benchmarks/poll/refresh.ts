// The measured program: gleanerd's reading and planning and nothing else, compared with the bare
// commands that it runs. `refresh BIN ROUNDS SLURMCTLD_PID`, with SLURM_CONF set; BIN holds
// programs that record how they were called in BIN/calls. Its last line is a RefreshFigures.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "../../../src/config.js";
import type { HolePolicy } from "../../../src/core/capacity/holes.js";
import { pauseMs } from "../../../src/core/capacity/pace.js";
import { makePlan } from "../../../src/core/capacity/plan.js";
import type { Executor } from "../../../src/model/capacity/executor.js";
import type { Plan } from "../../../src/model/capacity/plan.js";
import { executorId } from "../../../src/model/ids.js";
import type { Snapshot } from "../../../src/model/slurm/snapshot.js";
import { runAsChild } from "../../../src/processes/run.js";
import { createSlurmCluster } from "../../../src/slurm/cluster.js";
import { cpuMsOf, median, preciseMs } from "../lib/figures.js";

export interface RefreshFigures {
  readonly nodes: number;
  readonly jobs: number;
  readonly commands: number;
  readonly holes: number;
  readonly bareMs: number;
  readonly refreshMs: number;
  /** The part from the last command's end to the plan. */
  readonly planMs: number;
  readonly maxRssMb: number;
  /** Processor time of slurmctld during one refresh, and during the same time without one. */
  readonly slurmctldMs: number;
  readonly slurmctldIdleMs: number;
  /** Between two refreshes that no hook requested. */
  readonly pauseMs: number;
}

interface Call {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Record<string, string>;
}

const bin = process.argv[2]!;
const rounds = Number(process.argv[3]);
const slurmctld = Number(process.argv[4]);
/** Partitions, reservations and configuration are read once in this time; here in each round. */
const rareMs = 60_000;
const config = parseConfig({}, "the defaults");
const holePolicy: HolePolicy = { ...config.placement, minimumMemoryMb: 64, staleMs: rareMs };

let clockMs = 1_800_000_000_000;
const clusterIn = (binDirectory: string | null) =>
  createSlurmCluster({
    slurmConf: null,
    binDirectory,
    commandTimeoutMs: rareMs,
    runProgram: runAsChild,
    exclusivePartitions: [],
    now: () => clockMs,
  });

function planOf(snapshot: Snapshot, executors: readonly Executor[]): Plan {
  const context = {
    nowMs: clockMs,
    drainedBy: () => null,
    hookProblem: null,
    failing: new Map(),
  };
  return makePlan({ snapshot, executors, policy: holePolicy, context, maxStarts: 64 });
}

/** Every second hole has one. */
const executorsOf = (plan: Plan): Executor[] =>
  plan.holes
    .filter((_, index) => index % 2 === 0)
    .map(({ node, free }, index) => ({
      id: executorId(`e${index}`),
      node,
      placement: "direct",
      state: "ready",
      budget: free,
    }));

/** As a shell would, with the output discarded. */
async function runBare(calls: readonly Call[]): Promise<number> {
  const startedMs = preciseMs();
  for (const { program, args, environment } of calls) {
    const child = spawn(program, args, { stdio: "ignore", env: environment });
    const [exitCode] = await once(child, "close");
    if (exitCode !== 0)
      throw new Error(`${program} ${args.join(" ")} exited with status ${exitCode}`);
  }
  return preciseMs() - startedMs;
}

const sleep = (ms: number) => new Promise((wake) => setTimeout(wake, ms));

/** The commands of one refresh, recorded by the programs in BIN. */
async function record(): Promise<{ calls: Call[]; snapshot: Snapshot }> {
  const file = join(bin, "calls");
  writeFileSync(file, "");
  const snapshot = await clusterIn(bin).readSnapshot();
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return { calls: lines.map((line) => JSON.parse(line) as Call), snapshot };
}

async function measure(): Promise<RefreshFigures> {
  const { calls, snapshot } = await record();
  const executors = executorsOf(planOf(snapshot, []));
  const cluster = clusterIn(null);
  const times = { bare: [] as number[], refresh: [] as number[], plan: [] as number[] };
  let slurmctldMs = 0;
  let last = { snapshot, plan: planOf(snapshot, executors) };
  for (let round = 0; round < rounds; round++) {
    times.bare.push(await runBare(calls));
    clockMs += rareMs;
    const cpuBefore = cpuMsOf(slurmctld);
    const startedMs = preciseMs();
    const read = await cluster.readSnapshot();
    const readMs = preciseMs();
    last = { snapshot: read, plan: planOf(read, executors) };
    times.plan.push(preciseMs() - readMs);
    times.refresh.push(preciseMs() - startedMs);
    slurmctldMs += cpuMsOf(slurmctld) - cpuBefore;
  }
  const refreshMs = median(times.refresh);
  const idleBefore = cpuMsOf(slurmctld);
  await sleep(refreshMs * rounds);
  return {
    nodes: last.snapshot.nodes.length,
    jobs: last.snapshot.jobs.filter(({ state }) => state === "PENDING").length,
    commands: calls.length,
    holes: last.plan.holes.length,
    bareMs: median(times.bare),
    refreshMs,
    planMs: median(times.plan),
    maxRssMb: process.resourceUsage().maxRSS / 1024,
    slurmctldMs: slurmctldMs / rounds,
    slurmctldIdleMs: (cpuMsOf(slurmctld) - idleBefore) / rounds,
    pauseMs: pauseMs(config.poll, {
      failures: 0,
      woken: false,
      unsettledReads: 0,
      usualReadMs: refreshMs,
    }),
  };
}

void measure().then((figures) => process.stdout.write(`${JSON.stringify(figures)}\n`));
