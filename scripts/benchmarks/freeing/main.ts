// Frees a node under load, with its executor running or stopped, and its functions busy, forking or
// mounting: [--rounds N] [--load N].

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suspend } from "../../cluster/processes/suspend.js";
import { until } from "../../cluster/until.js";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import { benchmark, countsOf, rounded, say } from "../lib/harness.js";
import { type Kind, Load, Storms, storms } from "./storms.js";

const { rounds, load, cpus } = countsOf({ rounds: 8, load: 50, cpus: 8 });
/** No job of this cluster ever has it. */
const jobId = "4000000001";
/** Restarting takes a second, which is not what is measured. */
const readyDeadlineMs = 120_000;

await benchmark({ nodes: 1, cpus, memoryMb: cpus * 1_000 }, async (site) => {
  const api = new Api(site);
  await api.identify();
  const host = makeHost(site);
  const result: Record<string, object> = {};
  const over = async (id: number): Promise<void> => {
    await site.gleanOrThrow(["cancel", String(id)]);
    await api.ended(id);
    // Slurm shows no job that would explain the lost functions: unless one ends by itself, gleanerd
    // would soon stop using the node.
    await api.ended((await api.submit(["/bin/true"], "ends", 1)).id);
  };
  for (const kind of Object.keys(storms) as Kind[])
    for (const executor of ["running", "stopped"] as const) {
      const seen: Seen[] = [];
      for (let round = 0; round < rounds; round++) {
        const { id } = await api.submit(storms[kind].command, "bench", cpus);
        seen.push(await freeOnce(site, host, kind, executor === "stopped"));
        await over(id);
      }
      result[`${kind} ${executor}`] = figuresOf(seen);
      say(`${kind}, executor ${executor}: ${JSON.stringify(result[`${kind} ${executor}`])}`);
    }
  api.close();
  return { rounds, load, ...result };
});

interface Seen {
  readonly tookMs: number;
  /** Processes of functions when the prolog returned. */
  readonly left: number;
}

interface Filled {
  readonly executor: number;
  /** Its cgroup of version 2, and those of the functions. */
  readonly folder: string;
  readonly groups: readonly string[];
}

/** Waits until functions run on all cores of the node, as the cgroups there show. */
function filled(site: Site): Promise<Filled> {
  const find = (): Filled | undefined => {
    try {
      const mark = readFileSync(join(site.files.run, "n1", "executor.pid"), "utf8");
      const executor = Number(/^pid=(\d+)$/m.exec(mark)![1]);
      const folder = dirname(/^kill=(.+)$/m.exec(mark)![1]!);
      process.kill(executor, 0);
      const work = join(folder, "work");
      const busy = readdirSync(work, { withFileTypes: true }).filter(
        (each) =>
          each.isDirectory() && readFileSync(join(work, each.name, "cgroup.procs"), "utf8") !== "",
      );
      const groups = busy.map(({ name }) => join(work, name));
      return groups.length === cpus ? { executor, folder, groups } : undefined;
    } catch {
      return undefined; // one executor has left, the next is not there yet
    }
  };
  return until(readyDeadlineMs, find, () => new Error("the node was not filled with functions"));
}

/**
 * Runs the prolog of a job that takes the whole node, as slurmd would; then its epilog, so that the
 * node fills again.
 */
async function freeOnce(site: Site, host: string, kind: Kind, isStopped: boolean): Promise<Seen> {
  const { executor, folder, groups } = await filled(site);
  const group = folder.replace(/^\/sys\/fs\/cgroup(\/unified)?/, "");
  const functions = new Storms(kind, groups);
  await functions.reachTheirHeight();
  const busy = new Load(load);
  await busy.spread();
  if (isStopped) await suspend(executor);
  await functions.goOn();
  const prolog = [site.files.program("glean-prolog"), "left", group];
  const answer = execFileSync(host, prolog, { env: environment("prolog"), encoding: "utf8" });
  busy.stop();
  execFileSync(site.files.program("glean-epilog"), [], { env: environment("epilog") });
  const [tookUs, left] = answer.split(" ").map(Number);
  return { tookMs: tookUs! / 1_000, left: left! };
}

function figuresOf(seen: readonly Seen[]) {
  const sorted = seen.map(({ tookMs }) => rounded(tookMs)).sort((left, right) => left - right);
  const violations = seen.filter(({ left }) => left > 0);
  return {
    p50: sorted[Math.ceil(sorted.length / 2) - 1]!,
    max: sorted.at(-1)!,
    violations: violations.length,
    leftMax: Math.max(0, ...seen.map(({ left }) => left)),
  };
}

/** The environment that slurmd gives to a prolog of a job with all cores. */
function environment(context: string): Record<string, string> {
  return {
    SLURMD_NODENAME: "n1",
    SLURM_JOB_ID: jobId,
    SLURM_JOB_NODELIST: "n1",
    SLURM_JOB_CPUS_PER_NODE: String(cpus),
    SLURM_SCRIPT_CONTEXT: `${context}_slurmd`,
  };
}

/** The stand-in for slurmd that runs the hook, times it and counts what it left. */
function makeHost(site: Site): string {
  const folder = join(site.files.home, "host");
  const source = join(import.meta.dirname, "../../../slurm-plugin");
  const host = join(folder, "spank_host");
  execFileSync("make", ["-s", "-C", source, `OUT=${folder}`, host], { stdio: ["ignore", 2, 2] });
  return host;
}
