// Measures how soon a preempted pilot is gone after Slurm's SIGTERM, full of busy loops or of
// sleeping functions: [--preemptions N] [--nodes N] [--cpus N].

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { nowMs } from "../../../src/clock.js";
import { ensureInstalled } from "../../cluster/cluster.js";
import { until } from "../../cluster/until.js";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import { benchmark, benchmarkUser, countsOf, measuredPercentiles, say } from "../lib/harness.js";
import { compileWatch, type Departure, watchPilot } from "./watch.js";

const { preemptions, nodes, cpus } = countsOf({ preemptions: 40, nodes: 1, cpus: 8 });
const patienceMs = 60_000;
/**
 * For a full node to settle; the signal comes at a random moment of the supervisors' 200 ms cycle.
 */
const settleMs = { least: 300, spread: 200 };

const functions = {
  busy: ["/bin/sh", "-c", "while :; do :; done"],
  sleeping: ["/bin/sleep", "infinity"],
} as const;

await ensureInstalled(["gcc=gcc"]);
const tools = mkdtempSync(join(tmpdir(), "gleaner-bench-pilot-"));
process.on("exit", () => rmSync(tools, { recursive: true, force: true }));
chmodSync(tools, 0o755);
const watch = compileWatch(tools);
await benchmark(siteOptions(nodeWithWitness()), async (site) => {
  const api = new Api(site);
  await api.identify();
  const busy = await measure(site, api, "busy");
  const sleeping = await measure(site, api, "sleeping");
  api.close();
  const setting = {
    preemptions,
    nodes,
    functionsPerNode: cpus,
    processors: availableParallelism(),
  };
  return { ...setting, ...figuresOf(busy), sleeping: figuresOf(sleeping) };
});

/** A replacement for node: leaves a process in the pilot that only ends at SIGTERM. */
function nodeWithWitness(): string {
  const program = join(tools, "node");
  writeFileSync(program, `#!/bin/sh\nsleep infinity &\nexec ${process.execPath} "$@"\n`);
  chmodSync(program, 0o755);
  return program;
}

function siteOptions(node: string) {
  return {
    nodes,
    cpus,
    memoryMb: cpus * 2_000,
    hook: "none" as const,
    daemonUser: benchmarkUser,
    slurmConfLines: ["PreemptType=preempt/partition_prio", "PreemptMode=CANCEL"],
    partitionLines: [
      "PartitionName=batch Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF",
      "PartitionName=gleaner Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=CANCEL GraceTime=0",
    ],
    config: { placement: { launcher: "pilot" }, programs: { node } },
  };
}

interface Preemption extends Departure {
  /** From just before srun to the first program of its job. */
  readonly startMs: number;
}

/** Fills all nodes with one kind of functions, and preempts one node's pilot after the other. */
async function measure(site: Site, api: Api, kind: keyof typeof functions): Promise<Preemption[]> {
  const { id } = await api.submit(functions[kind], kind, nodes * cpus);
  const seen: Preemption[] = [];
  for (let turn = 0; turn < preemptions; turn++) {
    const node = `n${(turn % nodes) + 1}`;
    await full(api);
    await pause(settleMs.least + Math.random() * settleMs.spread);
    const { departure } = await until(
      patienceMs,
      () => watchPilot(watch, executorPid(site, node), cpus),
      () => new Error(`the functions of ${node} did not run`),
    );
    const startMs = await preempt(site, node);
    const { executorMs, commandsMs, allMs } = await departure;
    seen.push({ executorMs, commandsMs, allMs, startMs });
    const said = `executor ${executorMs}, commands ${commandsMs}, all ${allMs}, srun ${startMs} ms`;
    say(`${kind}, ${node}: ${said}`);
  }
  await site.gleanOrThrow(["cancel", String(id)], { user: benchmarkUser });
  return seen;
}

/** Waits until functions hold every core. */
async function full(api: Api): Promise<void> {
  const look = async () => {
    const used = (await api.info()).nodes.map(({ executor }) => executor?.usedCores ?? 0);
    return used.length === nodes && used.every((cores) => cores === cpus) ? true : undefined;
  };
  await until(patienceMs, look, () => new Error("the pilots did not fill the nodes"));
}

/** The process of a node's newest pilot, according to its log. */
function executorPid(site: Site, node: string): number {
  const lines = readFileSync(join(site.files.logs, `executor-${node}.log`), "utf8").split("\n");
  const started = lines.findLast((line) => line.includes('"event":"started"'))!;
  return (JSON.parse(started) as { pid: number }).pid;
}

/** Runs a job on the whole node; returns the milliseconds until it began. */
async function preempt(site: Site, node: string): Promise<number> {
  const startedAtMs = nowMs();
  const job = [`--nodelist=${node}`, "--exclusive", "date", "+%s%N"];
  const { exitCode, stdout, stderr } = await site.cluster.run("srun", job);
  if (exitCode !== 0) throw new Error(stderr);
  return Math.round(Number(BigInt(stdout.trim()) / 1_000_000n) - startedAtMs);
}

function figuresOf(seen: readonly Preemption[]) {
  const of = (figure: keyof Preemption) =>
    measuredPercentiles(
      figure,
      seen.map((each) => each[figure]),
    );
  return {
    goneMs: of("executorMs"),
    commandsGoneMs: of("commandsMs"),
    allGoneMs: of("allMs"),
    srunStartMs: of("startMs"),
  };
}
