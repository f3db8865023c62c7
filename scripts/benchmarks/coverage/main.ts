// Replays a stretch of a real trace as real jobs on 16 real slurmd, with functions for every hole:
// TRACE [--day N] [--seconds N] [--swf FILE] ...

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type JobRecord, readJobRecords } from "../../cluster/slurmctld-log.js";
import { until } from "../../cluster/until.js";
import { integer, readOptions, refuse } from "../../lib/options.js";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import {
  benchmark,
  benchmarkUser,
  measuredPercentiles,
  percentilesOf,
  preciseMs,
  rounded,
  say,
} from "../lib/harness.js";
import { simulateCommand, writeCalls, writeSwf } from "./export.js";
import { figuresOf } from "./figures.js";
import { type NodeCores, readGleaner } from "./records.js";
import { type ReplayedJob, readStretch } from "./stretch.js";

const bars = { coverage: 0.95, goodput: 0.9, lost: 0, readyMsP50: 300 } as const;
const nodes = 16;
const memoryPerCoreMb = 2_000;
/**
 * From 50 ms to 5 s, each longer than the one before by the same factor; each is a separate
 * function.
 */
const functions = 20;
const durationsMs = Array.from({ length: functions }, (_, index) =>
  Math.round(50 * 100 ** (index / (functions - 1))),
);
/** Tasks of each function in a round, so that all of them wait at any moment. */
const tasksPerTurn = 5;
const deadlineMs = 60_000;

const { values, positionals } = readOptions({
  allowPositionals: true,
  options: {
    day: { type: "string", default: "17" },
    hours: { type: "string", default: "24" },
    seconds: { type: "string", default: "120" },
    cores: { type: "string", default: "6" },
    "traced-cores": { type: "string", default: "12" },
    swf: { type: "string" },
  },
});
const [trace] = positionals;
if (trace === undefined)
  refuse("give a trace, an SWF file with node lists: scripts/bench coverage FILE.swf.gz");
if (!existsSync(trace)) refuse(`there is no file ${trace}: give the path of a trace`);
const coresPerNode = integer("cores", values.cores);
const lengthMs = integer("seconds", values.seconds) * 1_000;
const jobs = readStretch(trace, {
  nodes,
  coresPerNode,
  tracedCoresPerNode: integer("traced-cores", values["traced-cores"]),
  fromHour: (integer("day", values.day) - 1) * 24,
  hours: integer("hours", values.hours),
  lengthMs,
});

const options = { nodes, cpus: coresPerNode, memoryMb: coresPerNode * memoryPerCoreMb };
await benchmark(options, async (site) => {
  const nodeNames = site.cluster.nodeNames;
  const api = new Api(site);
  await api.identify();
  const submitted = await submitFunctions(api);
  say(
    `replaying ${jobs.length} jobs with ${submitted} functions on ${nodes} nodes of ${coresPerNode} cores`,
  );
  await awaitExecutors(api);
  const ids = await replay(site, jobs);
  await awaitStarts(site);
  if ((await api.info()).pending === 0)
    throw new Error("no function waits any more, so demand did not cover all holes");
  await site.gleanOrThrow(["cancel", "--user", benchmarkUser]);
  await awaitEnd(api);
  api.close();
  await site.endDaemon("SIGTERM");
  const records = readJobRecords(join(site.cluster.dir, "log", "slurmctld.log"));
  const allocated = jobs.flatMap((job, index) => sharesOf(job, ids[index]!, records));
  const window = windowOf(allocated, jobs);
  const gleaner = readGleaner(join(site.files.state, "gleaner.db"), window);
  const { readyMs, overtaken, ...sums } = figuresOf(
    { nodes: nodeNames, coresPerNode, ...window },
    allocated,
    gleaner.held,
    gleaner.useful,
  );
  const ready = measuredPercentiles("a hole that opened", readyMs);
  const result = {
    ...sums,
    coverage: rounded(sums.coveredCoreMs / sums.idleCoreMs, 4),
    goodput: rounded(sums.usefulCoreMs / sums.idleCoreMs, 4),
    readyMs: { p50: ready.p50, p99: ready.p99 },
    evictMs: percentilesOf(gleaner.evictMs),
    lost: submitted - ended(gleaner.byState),
    windowMs: window.toMs - window.fromMs,
    jobs: jobs.length,
    holesOpened: readyMs.length,
    overtaken,
    evictions: gleaner.evictions,
    evictedAttempts: gleaner.evictedAttempts,
    ledgerCoreMs: gleaner.ledgerCoreMs,
    completed: gleaner.byState.COMPLETED ?? 0,
    bars,
  };
  const withinBars =
    result.coverage >= bars.coverage &&
    result.goodput >= bars.goodput &&
    result.lost === bars.lost &&
    ready.p50 <= bars.readyMsP50;
  if (values.swf !== undefined) exportStretch(values.swf, allocated, window);
  return { ...result, withinBars };
});

/** Enough to fill all cores for the whole stretch, whatever the jobs leave. */
async function submitFunctions(api: Api): Promise<number> {
  const turnCoreMs = durationsMs.reduce((sum, ms) => sum + ms * tasksPerTurn, 0);
  const turns = Math.ceil((nodes * coresPerNode * lengthMs * 1.2) / turnCoreMs);
  for (let turn = 0; turn < turns; turn++)
    for (const ms of durationsMs)
      await api.submit(["/bin/sleep", String(ms / 1_000)], `sleep-${ms}`, tasksPerTurn);
  return turns * durationsMs.length * tasksPerTurn;
}

async function awaitExecutors(api: Api): Promise<void> {
  await until(
    deadlineMs,
    async () => {
      const info = await api.info();
      const ready = info.nodes.filter(({ executor }) => executor?.state === "ready");
      return ready.length === nodes ? true : undefined;
    },
    () => new Error(`the nodes had no executors within ${deadlineMs} ms`),
  );
}

/** Submits each job when the trace started it; returns their ids. */
async function replay(site: Site, stretch: readonly ReplayedJob[]): Promise<number[]> {
  const ids: number[] = [];
  const beganMs = preciseMs();
  for (const job of stretch) {
    const waitMs = job.startMs - (preciseMs() - beganMs);
    if (waitMs > 0) await new Promise((wake) => setTimeout(wake, waitMs));
    const { stdout, stderr, exitCode } = await site.cluster.run("sbatch", [
      "--parsable",
      `--nodes=${job.nodes.length}`,
      `--nodelist=${job.nodes.join(",")}`,
      "--ntasks-per-node=1",
      `--cpus-per-task=${job.coresPerNode}`,
      "--output=/dev/null",
      `--wrap=exec sleep ${job.runMs / 1_000}`,
    ]);
    if (exitCode !== 0) throw new Error(`sbatch failed: ${stderr.trim()}`);
    ids.push(Number(stdout.trim()));
  }
  return ids;
}

/** Until then, functions fill the idle cores. */
async function awaitStarts(site: Site): Promise<void> {
  await until(
    deadlineMs,
    async () => {
      const { stdout } = await site.cluster.run("squeue", ["-h", "-t", "PENDING"]);
      return stdout.trim() === "" ? true : undefined;
    },
    () => new Error(`jobs did not start within ${deadlineMs} ms`),
  );
}

async function awaitEnd(api: Api): Promise<void> {
  await until(
    deadlineMs,
    async () => {
      const { pending, running } = await api.info();
      return pending + running === 0 ? true : undefined;
    },
    () => new Error(`functions did not end within ${deadlineMs} ms`),
  );
}

/**
 * From the moment when everything that ran at the stretch's beginning runs again, to the last
 * start: the trace does not say what came after that, and `glean simulate` does not assume it.
 */
function windowOf(
  allocated: readonly ReplayedShare[],
  stretch: readonly ReplayedJob[],
): { fromMs: number; toMs: number } {
  const atOnce = new Set(stretch.filter(({ startMs }) => startMs === 0));
  const first = allocated.flatMap(({ job, fromMs }) => (atOnce.has(job) ? [fromMs] : []));
  const starts = allocated.map(({ fromMs }) => fromMs);
  return { fromMs: Math.max(Math.min(...starts), ...first), toMs: Math.max(...starts) };
}

interface ReplayedShare extends NodeCores {
  readonly job: ReplayedJob;
}

/** A job missing from slurmctld's log would count as idle time: then nothing can be measured. */
function sharesOf(
  job: ReplayedJob,
  id: number,
  records: ReadonlyMap<number, JobRecord>,
): ReplayedShare[] {
  const record = records.get(id);
  const fromMs = record?.allocatedAtMs[0];
  if (fromMs === undefined)
    throw new Error(`slurmctld's log does not show when job ${id} got its nodes`);
  const toMs = record?.endedAtMs ?? Number.POSITIVE_INFINITY;
  return job.nodes.map((node) => ({ job, node, cores: job.coresPerNode, fromMs, toMs }));
}

function ended(states: Readonly<Record<string, number>>): number {
  const final = Object.entries(states).filter(
    ([state]) => state !== "PENDING" && state !== "RUNNING",
  );
  return final.reduce((sum, [, count]) => sum + count, 0);
}

/** The same stretch for the simulator, with the same functions. */
function exportStretch(
  swf: string,
  allocated: readonly NodeCores[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): void {
  const calls = `${swf}.calls.csv`;
  // Whatever still ran at the end ran beyond it.
  const clipped = allocated.map((each) => ({
    ...each,
    fromMs: Math.max(each.fromMs, fromMs),
    toMs: Math.min(each.toMs, toMs + 1_000),
  }));
  const inside = clipped.filter((each) => each.toMs > each.fromMs);
  writeSwf(swf, inside, memoryPerCoreMb / 2);
  writeCalls(calls, durationsMs, tasksPerTurn);
  say(
    `to simulate the same stretch: ${simulateCommand(swf, calls, { nodes, coresPerNode, memoryPerCoreMb })}`,
  );
}
