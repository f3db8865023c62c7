// One refresh from slurmctld to a plan with 10,000 nodes and 50,000 queued jobs: [--nodes N]
// [--jobs N] [--rounds N].

import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { findProgram } from "../../cluster/programs.js";
import { until } from "../../cluster/until.js";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import { benchmark, countsOf, rounded, say } from "../lib/harness.js";
import { crowdConf, fill, listenSilently } from "./crowd.js";
import type { RefreshFigures } from "./refresh.js";

const bars = { ratio: 3, maxRssMb: 400, slurmctldShare: 0.02 } as const;
const counts = countsOf({ nodes: 10_000, jobs: 50_000, rounds: 11 });
const daemonDeadlineMs = 150_000;
/**
 * The pace for such a slurmctld is calculated; measuring gleanerd's memory need not wait for it.
 */
const config = { poll: { maximumMs: 5_000 } };

const { port } = await listenSilently();
await benchmark({ nodes: 1, ...crowdConf(counts.nodes, port), config }, async (site) => {
  await site.endDaemon("SIGTERM");
  say(`filling slurmctld with ${counts.jobs} jobs`);
  await fill(site.cluster, counts.nodes, counts.jobs);
  const figures = await refreshOf(site);
  if (figures.nodes < counts.nodes || figures.jobs < counts.jobs || figures.holes === 0)
    throw new Error(
      `the refresh saw ${figures.nodes} nodes, ${figures.jobs} jobs and ${figures.holes} holes`,
    );
  const daemonRssMb = await daemonRss(site);
  const pace = figures.refreshMs + figures.pauseMs;
  const result = {
    nodes: figures.nodes,
    jobs: figures.jobs,
    bareMs: rounded(figures.bareMs, 0),
    refreshMs: rounded(figures.refreshMs, 0),
    ratio: rounded(figures.refreshMs / figures.bareMs),
    maxRssMb: rounded(Math.max(figures.maxRssMb, daemonRssMb), 0),
    slurmctldShare: rounded((figures.slurmctldMs - figures.slurmctldIdleMs) / pace, 4),
    planMs: rounded(figures.planMs, 1),
    pauseMs: rounded(figures.pauseMs, 0),
    slurmctldMs: rounded(figures.slurmctldMs, 0),
    slurmctldIdleMs: rounded(figures.slurmctldIdleMs, 0),
    refreshRssMb: rounded(figures.maxRssMb, 0),
    daemonRssMb: rounded(daemonRssMb, 0),
    holes: figures.holes,
    bars,
  };
  const { ratio, maxRssMb, slurmctldShare } = result;
  const withinBars =
    ratio <= bars.ratio && maxRssMb <= bars.maxRssMb && slurmctldShare <= bars.slurmctldShare;
  say(`a refresh takes ${ratio} times as long as its ${figures.commands} commands alone`);
  return { ...result, withinBars };
});

/**
 * In its own process, bundled like gleanerd, so that its memory is that of reading and planning.
 */
async function refreshOf(site: Site): Promise<RefreshFigures> {
  const folder = join(site.files.home, "bench");
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  for (const name of ["squeue", "scontrol"]) writeRecorder(bin, name);
  const outfile = join(folder, "refresh.cjs");
  const entry = fileURLToPath(new URL("./refresh.ts", import.meta.url));
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "warning",
  });
  const pid = String(site.cluster.pids().slurmctld);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [outfile, bin, String(counts.rounds), pid],
    { env: site.cluster.env },
  );
  return JSON.parse(stdout) as RefreshFigures;
}

/** A program that records how it was called, and then becomes the real one. */
function writeRecorder(bin: string, name: string): void {
  const real = findProgram(name);
  const text = `#!${process.execPath}
const { appendFileSync } = require("node:fs");
const { spawnSync } = require("node:child_process");
const args = process.argv.slice(2);
const call = { program: ${JSON.stringify(real)}, args, environment: process.env };
appendFileSync(${JSON.stringify(join(bin, "calls"))}, JSON.stringify(call) + "\\n");
process.exit(spawnSync(call.program, args, { stdio: "inherit" }).status);
`;
  writeFileSync(join(bin, name), text);
  chmodSync(join(bin, name), 0o755);
}

/** The most memory that gleanerd used, some reads after all jobs were there. */
async function daemonRss(site: Site): Promise<number> {
  await site.startDaemon();
  const api = new Api(site);
  await api.identify();
  const reads: number[] = [];
  await until(
    daemonDeadlineMs,
    async () => {
      const { snapshotAgeMs } = await api.info();
      if (snapshotAgeMs !== null && (reads.length === 0 || snapshotAgeMs < reads.at(-1)!))
        reads.push(snapshotAgeMs);
      else if (snapshotAgeMs !== null) reads[reads.length - 1] = snapshotAgeMs;
      return reads.length > 2 ? true : undefined;
    },
    () => new Error("gleanerd did not read slurmctld three times"),
  );
  api.close();
  const status = readFileSync(`/proc/${site.daemonPid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)![1]) / 1024;
}
