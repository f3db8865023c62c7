// What the hook costs a job that evicts nothing, as program and as plugin, with an idle executor
// and without one: [--runs N].

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { until } from "../cluster/until.js";
import type { Site } from "../site/site.js";
import { Api } from "./lib/api.js";
import { benchmark, countsOf, rounded, say } from "./lib/harness.js";

const { runs } = countsOf({ runs: 500 });
/** No job of this cluster ever has it. */
const jobId = "4000000001";
const readyDeadlineMs = 30_000;

await benchmark({ nodes: 1 }, async (site) => {
  const api = new Api(site);
  await api.identify();
  const before = await executorOf(api);
  const host = makeHost(site);
  // Each begin is followed by its end, so that the executor never has more than one such job.
  const result = {
    runs,
    idleMs: program(site, host, "n1"),
    nobodyMs: program(site, host, "n2"),
    pluginMs: plugin(site, host, "n1"),
  };
  if ((await executorOf(api)) !== before)
    throw new Error("the executor was replaced during the run, so it was not idle all the time");
  api.close();
  for (const [name, ms] of Object.entries(result)) say(`${name}: ${JSON.stringify(ms)}`);
  return result;
});

/** Waits for the executor of the node; returns its id. */
function executorOf(api: Api): Promise<string> {
  const find = async () => {
    const executor = (await api.info()).nodes[0]?.executor;
    return executor?.state === "ready" ? executor.id : undefined;
  };
  return until(readyDeadlineMs, find, () => new Error("no executor became ready"));
}

/** The environment that slurmd gives to a prolog of a job with one core on `node`. */
function environment(node: string, context: string): Record<string, string> {
  return {
    SLURMD_NODENAME: node,
    SLURM_JOB_ID: jobId,
    SLURM_JOB_NODELIST: node,
    SLURM_JOB_CPUS_PER_NODE: "1",
    SLURM_SCRIPT_CONTEXT: `${context}_slurmd`,
  };
}

/** One run under the host, which measures from just before the fork to just after the wait. */
function runOf(host: string, command: readonly string[], env: Record<string, string>): number {
  return Number(execFileSync(host, [...command, "1"], { env, encoding: "utf8" })) / 1_000;
}

function program(site: Site, host: string, node: string) {
  const run = (name: string) =>
    runOf(host, [site.files.program(`glean-${name}`), "program"], environment(node, name));
  return percentiles(measure(run));
}

function plugin(site: Site, host: string, node: string) {
  const run = (name: string) =>
    runOf(host, [site.files.program("gleaner.so"), name], environment(node, name));
  return percentiles(measure(run));
}

/** The milliseconds of each prolog. */
function measure(run: (name: string) => number): number[] {
  return Array.from({ length: runs }, () => {
    const tookMs = run("prolog");
    run("epilog");
    return tookMs;
  });
}

function percentiles(values: readonly number[]) {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (share: number) => rounded(sorted[Math.ceil(share * sorted.length) - 1]!);
  return { p50: at(0.5), p99: at(0.99) };
}

/** The stand-in for slurmstepd that calls the plugin and times it. */
function makeHost(site: Site): string {
  const folder = join(site.files.home, "host");
  const source = join(import.meta.dirname, "../../slurm-plugin");
  const host = join(folder, "spank_host");
  execFileSync("make", ["-s", "-C", source, `OUT=${folder}`, host], { stdio: ["ignore", 2, 2] });
  return host;
}
