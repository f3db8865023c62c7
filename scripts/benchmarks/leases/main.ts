// Calls over a lease on real Slurm while batch jobs evict its workers: none may be lost or hang.
// [--seconds N] [--per-second N] [--workers N]

import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { codeOf } from "../../../test/support/executor/function-code.js";
import { until } from "../../cluster/until.js";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import type { Driver } from "../lib/driver.js";
import { benchmark, countsOf, percentilesOf, rounded, say } from "../lib/harness.js";
import { startSdkClient } from "../lib/sdk-client.js";

interface End {
  readonly number: number;
  /** null if it was answered. */
  readonly error: string | null;
  readonly tookMs: number;
  /** It ran in another worker than its first one. */
  readonly isMoved: boolean;
}
interface Load {
  readonly leaseId: string;
  readonly ends: readonly End[];
  readonly hung: number;
  readonly sentInMs: number;
}

const counts = countsOf({ seconds: 60, "per-second": 1_000, workers: 8 });
const cluster = { nodes: 4, cpus: 4 } as const;
const bars = { lost: 0, hung: 0, metP99Ms: 300 } as const;
/** Jobs take each node in turn, so that evicted workers have room elsewhere. */
const jobSeconds = 1;
const betweenJobsMs = 500;
const readyDeadlineMs = 60_000;
/** Without an eviction a call takes a few milliseconds; a slower one counts as one that met one. */
const slowMs = 100;
/** Fewer say nothing. */
const leastEvictions = 10;
/** A client that is slower than this share of the wanted rate did not put the load on. */
const leastRate = 0.95;
const name = "echo";
const source = "export default (input, { name, attempt }) => [input, name, attempt];\n";
const program = join(dirname(fileURLToPath(import.meta.url)), "client.mjs");

await benchmark(cluster, async (site) => {
  const api = new Api(site);
  await api.identify();
  await api.deploy(name, (await codeOf({ "index.mjs": source })).bundle);
  await allReady(api);
  const client = await startSdkClient(site, program);
  try {
    const load = await loadBeside(site, client);
    return figuresOf(load, await evictionsOf(api, load.leaseId));
  } finally {
    await client.stop();
    api.close();
  }
});

async function allReady(api: Api): Promise<void> {
  const ready = async () =>
    (await api.info()).nodes.filter(({ executor }) => executor?.state === "ready").length ===
      cluster.nodes || undefined;
  await until(readyDeadlineMs, ready, () => new Error("not every node has a ready executor"));
}

async function loadBeside(site: Site, client: Driver): Promise<Load> {
  const perSecond = counts["per-second"];
  const { workers, seconds } = counts;
  const load = client.ask<Load>({ name, workers, perSecond, seconds });
  const over = load.then(
    () => true,
    () => true,
  );
  const { nodeNames } = site.cluster;
  for (let turn = 0; ; turn++) {
    const node = nodeNames[turn % nodeNames.length]!;
    const job = [`--nodelist=${node}`, "--exclusive", "--time=1", "sleep", String(jobSeconds)];
    const { exitCode, stderr } = await site.cluster.run("srun", job);
    if (exitCode !== 0) throw new Error(`a batch job failed: ${stderr}`);
    if (await Promise.race([over, pause(betweenJobsMs, false)])) return load;
  }
}

/** How many workers of the lease jobs evicted. */
async function evictionsOf(api: Api, leaseId: string): Promise<number> {
  let evictions = 0;
  for (let worker = 0; worker < counts.workers; worker++) {
    const { attempts } = await api.detail(`${leaseId}_${worker}`);
    evictions += attempts.filter(({ state }) => state === "EVICTED").length;
  }
  return evictions;
}

function figuresOf({ ends, hung, sentInMs }: Load, evictions: number): object {
  const perSecond = (counts.seconds * counts["per-second"]) / (sentInMs / 1_000);
  if (perSecond < leastRate * counts["per-second"])
    throw new Error(`the client sent only ${Math.round(perSecond)} calls a second`);
  if (evictions < leastEvictions)
    throw new Error(`jobs evicted ${evictions} workers of the lease; ${leastEvictions} are needed`);
  const failed = ends.filter(({ error }) => error !== null);
  for (const { error } of failed.slice(0, 10)) say(`lost: ${error}`);
  const met = ends.filter(({ isMoved, tookMs }) => isMoved || tookMs > slowMs);
  const metMs = timesOf(met);
  const lost = failed.length;
  const withinBars = lost === 0 && hung === 0 && (metMs?.p99 ?? 0) <= bars.metP99Ms;
  const all = {
    calls: ends.length + hung,
    perSecond: Math.round(perSecond),
    tookMs: timesOf(ends),
  };
  return { ...all, lost, hung, evictions, met: met.length, metMs, bars, withinBars };
}

function timesOf(ends: readonly End[]) {
  const found = percentilesOf(ends.map(({ tookMs }) => tookMs));
  if (found === null) return null;
  return { p50: rounded(found.p50), p99: rounded(found.p99), max: rounded(found.max) };
}
