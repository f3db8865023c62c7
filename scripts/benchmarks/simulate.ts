// Times glean simulate on made records of sites: many jobs with calls of 10 ms, and some weeks of a
// small site with calls of many lengths: [--jobs N] [--days N] [--invocations FILE].

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import FlatQueue from "flatqueue";
import { exponential, normal, type Random, seeded } from "../../src/sim/random.js";
import { integer, readOptions } from "../lib/options.js";
import { preciseMs, rounded, say } from "./lib/harness.js";

const bars = { manyJobsSeconds: 90, weeksSeconds: 600, firstProgressSeconds: 1.5 };
const glean = fileURLToPath(new URL("../../dist/glean.cjs", import.meta.url));
const epochMs = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;
const coresPerNode = 24;
/** The cores of a job; the others of its node are other jobs' or idle. */
const coresPerJob = 4;
const lanesPerNode = coresPerNode / coresPerJob;
const medianJobMs = 1_200_000;
const meanGapMs = 1_200_000;

const text = { type: "string" } as const;
const { values } = readOptions({ options: { jobs: text, days: text, invocations: text } });
const jobs = integer("jobs", values.jobs ?? "312826");
const days = integer("days", values.days ?? "57");
const folder = mkdtempSync(join(tmpdir(), "gleaner-simulate-"));

try {
  const random = seeded(1);
  const large = join(folder, "large");
  const nodes = writeJobs(large, { nodes: 1_000, jobs, untilMs: Number.POSITIVE_INFINITY }, random);
  const many = await simulated(["--sacct", large, "--machines", nodes, "--call", "10ms"]);
  say(`${jobs} jobs with calls of 10 ms: ${JSON.stringify(many)}`);
  const small = join(folder, "small");
  const ten = writeJobs(
    small,
    { nodes: 10, jobs: Number.POSITIVE_INFINITY, untilMs: days * dayMs },
    random,
  );
  const calls = values.invocations ?? writeCalls(join(folder, "calls"), random);
  const weeks = await simulated(["--sacct", small, "--machines", ten, "--invocations", calls]);
  say(`${days} days of 240 cores with calls of many lengths: ${JSON.stringify(weeks)}`);
  const meetsBars =
    many.cpuSeconds <= bars.manyJobsSeconds &&
    weeks.seconds <= bars.weeksSeconds &&
    (weeks.firstProgressSeconds ?? 0) <= bars.firstProgressSeconds;
  say(JSON.stringify({ jobs, days, many, weeks, meetsBars }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Writes a dump of sacct and the records of its nodes, whose file it returns. Lanes of cores run
 * one job after the other, two thirds of them without a gap.
 */
function writeJobs(
  file: string,
  { nodes, jobs: most, untilMs }: { nodes: number; jobs: number; untilMs: number },
  random: Random,
): string {
  const lines: string[] = [];
  const lanes = new FlatQueue<number>();
  for (let lane = 0; lane < nodes * lanesPerNode; lane++) lanes.push(lane, 0);
  while (lines.length < most && lanes.peekValue()! < untilMs) {
    const freeAtMs = lanes.peekValue()!;
    const lane = lanes.pop()!;
    const gapMs = random() < 2 / 3 ? 0 : exponential(random, meanGapMs);
    const startMs = freeAtMs + Math.ceil(gapMs / 1_000) * 1_000;
    const lastsMs = Math.ceil((medianJobMs * Math.exp(normal(random))) / 1_000) * 1_000;
    lanes.push(lane, startMs + lastsMs);
    const node = `n${Math.floor(lane / lanesPerNode)}`;
    const times = `${instant(startMs)}|${instant(startMs + lastsMs)}`;
    lines.push(`${lines.length + 1}|${times}|COMPLETED|${coresPerJob}|${node}`);
  }
  writeFileSync(file, `JobID|Start|End|State|AllocCPUS|NodeList\n${lines.join("\n")}\n`);
  const machines = `${file}.nodes`;
  const records = Array.from(
    { length: nodes },
    (_, node) => `NodeName=n${node} CPUTot=${coresPerNode} RealMemory=96000 State=IDLE`,
  );
  writeFileSync(machines, `${records.join("\n")}\n`);
  return machines;
}

function instant(ms: number): string {
  return new Date(epochMs + ms).toISOString().slice(0, 19);
}

/** Writes 200 calls of 30 functions, most of them short, and most of the work in long ones. */
function writeCalls(file: string, random: Random): string {
  const medians = Array.from({ length: 30 }, () => 0.3 * Math.exp(2 * normal(random)));
  const lines = Array.from({ length: 200 }, (_, call) => {
    const index = Math.floor(random() * medians.length);
    const lasts = Math.min(600, medians[index]! * Math.exp(normal(random)));
    return `app${index},f${index},${(6 * call + lasts).toFixed(3)},${lasts.toFixed(3)}`;
  });
  writeFileSync(file, `app,func,end_timestamp,duration\n${lines.join("\n")}\n`);
  return file;
}

interface Simulated {
  readonly seconds: number;
  /** The processor time that all its threads used. */
  readonly cpuSeconds: number;
  /** null if it was over before. */
  readonly firstProgressSeconds: number | null;
  readonly idleCoreHours: number;
  readonly goodput: number;
  readonly calls: number;
  readonly maxRssMb: number;
}

async function simulated(options: readonly string[]): Promise<Simulated> {
  const startedMs = preciseMs();
  const command = [process.execPath, glean, "simulate", "--json", ...options];
  const timed = 'TIMEFORMAT="used %U %S"; time "$@"';
  const child = spawn("bash", ["-c", timed, "bash", ...command], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let firstProgressSeconds: number | null = null;
  let printed = "";
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    printed += piece;
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    said = (said + piece).slice(-500);
    if (/^glean: (read|simulated) /.test(piece))
      firstProgressSeconds ??= rounded((preciseMs() - startedMs) / 1_000, 1);
  });
  const status = await new Promise((resolve) => child.once("close", resolve));
  if (status !== 0) throw new Error(`glean simulate exited with ${status}: ${said}`);
  const [, user, system] = /^used ([\d.]+) ([\d.]+)$/m.exec(said)!;
  const result = JSON.parse(printed);
  return {
    seconds: rounded((preciseMs() - startedMs) / 1_000, 1),
    cpuSeconds: rounded(Number(user) + Number(system), 1),
    firstProgressSeconds,
    idleCoreHours: Math.round(result.idleCoreMs / 3_600_000),
    goodput: rounded(result.goodput, 4),
    calls: result.invocations.finished,
    maxRssMb: result.maxRssMb,
  };
}
