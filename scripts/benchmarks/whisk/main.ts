// HPC-Whisk's experiment, compressed: an open-loop client calls 100 functions of 10 ms ten times a
// second on the demo's cluster while batch jobs come and go. [--seconds N] [--seed N]
// [--functions N] [--per-second N]

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { displayId } from "../../../src/model/invocation.js";
import type { Utilization } from "../../../src/model/records/utilization.js";
import type { InvocationList } from "../../../src/wire/api/types.js";
import { until } from "../../cluster/until.js";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import { benchmark, countsOf, say } from "../lib/harness.js";
import { startSdkClient } from "../lib/sdk-client.js";
import { BatchJobs } from "./batch-jobs.js";
import { callsOf, deployFunctions, isOurs } from "./calls.js";
import { type Evidence, figuresOf, type Outcome } from "./figures.js";

const cluster = { nodes: 8, coresPerNode: 16 } as const;
const load = 0.55;
const runMs = 10;
const readyDeadlineMs = 60_000;
const counts = countsOf({ seconds: 120, seed: 1, functions: 100, "per-second": 10 });
const program = join(dirname(fileURLToPath(import.meta.url)), "client.mjs");

await benchmark(
  {
    nodes: cluster.nodes,
    cpus: cluster.coresPerNode,
    config: { poll: { intervalMs: 2_000 } },
  },
  async (site) => {
    const api = new Api(site);
    await api.identify();
    await deployFunctions(api, counts.functions, runMs);
    say(`${counts.functions} functions are deployed`);
    const hasExecutor = async () =>
      (await api.info()).nodes.some(({ executor }) => executor?.state === "ready") || undefined;
    await until(readyDeadlineMs, hasExecutor, () => new Error("no executor became ready"));
    const lengthMs = counts.seconds * 1_000;
    const jobs = await BatchJobs.prepare(site, { ...cluster, lengthMs, load, seed: counts.seed });
    const client = await startSdkClient(site, program);
    try {
      const outcomes = await callBeside(jobs, client);
      for (const { error } of outcomes) if (error !== null) say(`not answered: ${error}`);
      return figuresOf({ outcomes, ...jobs.seen(), ...(await recordsOf(site, api)) });
    } finally {
      jobs.stop();
      api.close();
      await client.stop();
    }
  },
);

async function callBeside(
  jobs: BatchJobs,
  client: Awaited<ReturnType<typeof startSdkClient>>,
): Promise<readonly Outcome[]> {
  const perSecond = counts["per-second"];
  const calls = callsOf(counts.seconds * perSecond, counts.functions, perSecond, counts.seed);
  const answers = client.ask<readonly Outcome[]>(calls);
  const [outcomes] = await Promise.all([answers, jobs.submit()]);
  return outcomes;
}

async function recordsOf(site: Site, api: Api): Promise<Pick<Evidence, "details" | "evictions">> {
  const report = await site.gleanOrThrow(["report", "utilization", "--json"]);
  const { evictions } = JSON.parse(report) as Utilization;
  const { invocations } = JSON.parse(await site.gleanOrThrow(["acct", "--json"])) as InvocationList;
  const details = [];
  for (const each of invocations.filter(isOurs)) details.push(await api.detail(displayId(each)));
  return { details, evictions };
}
