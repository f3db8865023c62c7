// The demo: a real Slurm cluster, a stream of batch jobs that leaves holes, and functions that fill
// them.
//
//   main.ts [--keep] [--seed N] [--seconds N] [--out FOLDER]

import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { monotonicMs } from "../../src/clock.js";
import { messageOf } from "../../src/model/errors.js";
import type { LedgerCheck } from "../../src/model/records/account.js";
import type { Utilization } from "../../src/model/records/utilization.js";
import type { InfoAnswer, InvocationList } from "../../src/wire/api/types.js";
import { percentilesOf } from "../benchmarks/lib/figures.js";
import { ensureSlurmInstalled } from "../cluster/cluster.js";
import { readJobRecords } from "../cluster/slurmctld-log.js";
import { until } from "../cluster/until.js";
import { integer, readOptions } from "../lib/options.js";
import { type Site, startSite } from "../site/site.js";
import { conclude } from "./conclude.js";
import { type PictureShape, submitTiles, tilesDrawn, writePicture } from "./functions.js";
import { ProgressView } from "./progress.js";
import { brokenPromises, type DemoResult, startDelays } from "./result.js";
import { type BatchJob, makeStream, readSightings, submitBatchJob } from "./stream.js";
import { compileTool } from "./tools.js";

const nodes = 8;
const coresPerNode = 16;
const picture: PictureShape = {
  columns: 64,
  rows: 40,
  edgePixels: 24,
  durationsMs: [500, 1_000, 1_500, 2_000, 3_000],
};
/** How long jobs and tiles may take after the stream's last job was submitted. */
const endDeadlineMs = 90_000;
const progressEveryMs = 2_000;

interface Options {
  readonly keep: boolean;
  readonly seed: number;
  readonly lengthMs: number;
  readonly out: string;
}

async function main(): Promise<void> {
  const options = optionsGiven();
  await ensureSlurmInstalled();
  const dir = mkdtempSync(join(tmpdir(), "gleaner-"));
  say(`starting ${nodes} nodes of ${coresPerNode} cores, slurmctld and gleanerd in ${dir}`);
  const site = await startSite({
    dir,
    nodes,
    cpus: coresPerNode,
    config: { poll: { intervalMs: 2_000 } },
  });
  const interrupted = () => void site.stop().then(() => process.exit(130));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  const broken = await conclude(() => harvest(site, options), {
    keep: options.keep ? () => keep(site) : null,
    stop: () => site.stop(),
  });
  process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  for (const sentence of broken) process.stderr.write(`demo: ${sentence}\n`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}

function optionsGiven(): Options {
  const { values } = readOptions({
    options: {
      keep: { type: "boolean", default: false },
      seed: { type: "string", default: "7" },
      seconds: { type: "string", default: "60" },
      out: { type: "string", default: "demo-out" },
    },
  });
  return {
    keep: values.keep,
    seed: integer("seed", values.seed),
    lengthMs: integer("seconds", values.seconds) * 1_000,
    out: resolve(values.out),
  };
}

/** The demo itself; prints the report and the line with the result, returns the broken promises. */
async function harvest(site: Site, options: Options): Promise<string[]> {
  const tile = await compileTool(site, "tile");
  const witness = await compileTool(site, "witness");
  const tiles = join(site.cluster.dir, "work", "tiles");
  const sightingsFolder = join(site.cluster.dir, "work", "witness");
  mkdirSync(sightingsFolder);
  const count = picture.columns * picture.rows;
  await submitTiles(site, tile, tiles, picture);
  say(`submitted ${count} functions, one for each tile of a picture`);
  const stream = makeStream({
    nodes,
    coresPerNode,
    lengthMs: options.lengthMs,
    load: 0.55,
    seed: options.seed,
  });
  const jobs = await run(site, stream, options, { tiles, sightingsFolder, witness });
  const jobStates = await awaitJobs(site, jobs);
  await awaitTiles(site);
  return report(site, options, { count, jobStates, tiles, sightingsFolder });
}

interface Folders {
  readonly tiles: string;
  readonly sightingsFolder: string;
  readonly witness: string;
}

/** Submits the stream on time while it shows progress. Returns the ids of the jobs. */
async function run(
  site: Site,
  stream: readonly BatchJob[],
  options: Options,
  folders: Folders,
): Promise<number[]> {
  const view = new ProgressView(process.stdout);
  const startedMs = monotonicMs();
  const jobs: number[] = [];
  let nextProgressMs = 0;
  for (;;) {
    const elapsedMs = monotonicMs() - startedMs;
    const next = stream[jobs.length];
    if (next !== undefined && next.submitAtMs <= elapsedMs) {
      jobs.push(
        await submitBatchJob(
          site.cluster,
          next,
          folders.witness,
          folders.sightingsFolder,
          coresPerNode,
        ),
      );
      continue;
    }
    if (elapsedMs >= nextProgressMs) {
      nextProgressMs = elapsedMs + progressEveryMs;
      view.show({
        elapsedMs,
        lengthMs: options.lengthMs,
        info: await askJson<InfoAnswer>(site, ["info"]),
        jobsSubmitted: jobs.length,
        jobs: stream.length,
        tilesDrawn: tilesDrawn(folders.tiles),
        tiles: picture.columns * picture.rows,
      });
    }
    if (next === undefined && elapsedMs >= options.lengthMs) return jobs;
    const wakeAtMs = Math.min(next?.submitAtMs ?? options.lengthMs, nextProgressMs);
    await new Promise((wake) =>
      setTimeout(wake, Math.max(1, wakeAtMs - (monotonicMs() - startedMs))),
    );
  }
}

/** Waits until Slurm says that every batch job has ended. */
async function awaitJobs(site: Site, jobs: readonly number[]): Promise<Map<number, string>> {
  const states = new Map<number, string>();
  await until(
    endDeadlineMs,
    async () => {
      const { stdout } = await site.cluster.run("squeue", ["-h", "-t", "all", "-o", "%A %T"]);
      for (const line of stdout.trim().split("\n")) {
        const [id, state] = line.split(" ");
        states.set(Number(id), state!);
      }
      const open = jobs.filter((id) => !finalStates.has(states.get(id) ?? ""));
      return open.length === 0 ? true : undefined;
    },
    () => new Error(`batch jobs did not end within ${endDeadlineMs} ms`),
  );
  return new Map(jobs.map((id) => [id, states.get(id)!]));
}

const finalStates = new Set([
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "TIMEOUT",
  "NODE_FAIL",
  "OUT_OF_MEMORY",
]);

async function awaitTiles(site: Site): Promise<void> {
  await until(
    endDeadlineMs,
    async () => {
      const { pending, running } = await askJson<InfoAnswer>(site, ["info"]);
      return pending + running === 0 ? true : undefined;
    },
    () => new Error(`functions did not end within ${endDeadlineMs} ms`),
  );
}

interface Outcome {
  readonly count: number;
  readonly jobStates: ReadonlyMap<number, string>;
  readonly tiles: string;
  readonly sightingsFolder: string;
}

async function report(site: Site, options: Options, outcome: Outcome): Promise<string[]> {
  mkdirSync(options.out, { recursive: true });
  const html = join(options.out, "utilization.html");
  process.stdout.write(await site.gleanOrThrow(["report", "utilization", "--html", html]));
  process.stdout.write(await site.gleanOrThrow(["report", "utilization"]));
  const utilization = await askJson<Utilization>(site, ["report", "utilization"]);
  const ledger = await askJson<LedgerCheck>(site, ["bill", "--verify"]);
  const bill = await askJson<{ total: { coreMs: number } }>(site, ["bill"]);
  const { invocations } = await askJson<InvocationList>(site, ["acct"]);
  const sightings = readSightings(outcome.sightingsFolder);
  const jobs = readJobRecords(join(site.cluster.dir, "log", "slurmctld.log"));
  const { delaysMs, unmeasuredJobs } = startDelays(sightings, jobs);
  const pictureFile = join(options.out, "picture.png");
  const found = writePicture(outcome.tiles, picture, pictureFile);
  copyFileSync(site.files.daemonLog, join(options.out, "gleanerd.log"));
  const completed = invocations.filter((each) => each.state === "COMPLETED").length;
  const ended = invocations.filter((each) => !["PENDING", "RUNNING"].includes(each.state)).length;
  const result: DemoResult = {
    nodes,
    batchJobs: outcome.jobStates.size,
    batchStartDelayMs: percentilesOf(delaysMs),
    idleCoreMs: utilization.idleCoreMs,
    coveredCoreMs: utilization.coveredCoreMs,
    usefulCoreMs: utilization.usefulCoreMs,
    coverage: utilization.coverage,
    goodput: utilization.goodput,
    invocations: {
      submitted: outcome.count,
      completed,
      failed: ended - completed,
      lost: outcome.count - ended,
    },
    evictions: utilization.evictions,
    evictMs: utilization.evictMs,
    billedCoreMs: bill.total.coreMs,
    ledgerBalanced: ledger.balanced,
    reportHtml: html,
  };
  const broken = brokenPromises({
    result,
    sightings,
    unmeasuredJobs,
    jobStates: outcome.jobStates,
    ledger,
    utilization,
    picture: { tiles: outcome.count, found },
  });
  writeFileSync(join(options.out, "result.json"), `${JSON.stringify(result)}\n`);
  say(`picture drawn by the functions: ${pictureFile}`);
  say(`utilization report: ${html}`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return broken;
}

async function askJson<T>(site: Site, args: string[]): Promise<T> {
  return JSON.parse(await site.gleanOrThrow([...args, "--json"])) as T;
}

async function keep(site: Site): Promise<void> {
  await site.keep();
  const { dir } = site.cluster;
  process.stderr.write(
    [
      "The cluster and gleanerd are still running. To use them in this shell:",
      `  export SLURM_CONF=${site.cluster.slurmConf} GLEANER_CONF=${site.files.config}`,
      "  sinfo; squeue; scripts/glean info; scripts/glean doctor",
      "To stop them:",
      `  node --import tsx scripts/cluster/main.ts stop --dir ${dir}`,
      "",
    ].join("\n"),
  );
}

const say = (text: string) => process.stdout.write(`${text}\n`);

await main().catch((thrown: unknown) => {
  process.stderr.write(`demo: ${messageOf(thrown)}\n`);
  process.exitCode = 1;
});
