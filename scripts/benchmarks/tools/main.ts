// Workflow managers run 200 tasks each through Slurm's names, while batch jobs evict functions:
// [NAME...] [--tasks N].

import { chmodSync, mkdirSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../../src/model/errors.js";
import type { Invocation } from "../../../src/model/invocation.js";
import { integer, readOptions, refuse } from "../../lib/options.js";
import type { Site } from "../../site/site.js";
import { benchmark, benchmarkUser, preciseMs, rounded, say } from "../lib/harness.js";
import { install } from "../lib/installation.js";
import { evict } from "./evictions.js";
import { type Tool, tools } from "./tools.js";

/** Snakemake starts Python twice for each task. */
const toolLimitMs = 3_600_000;
/** Also of the last lines that an error quotes. */
const quotedCharacters = 1_500;

const { values, positionals } = readOptions({
  allowPositionals: true,
  options: { tasks: { type: "string", default: "200" } },
});
const tasks = integer("tasks", values.tasks);
const unknown = positionals.find((name) => !Object.hasOwn(tools, name));
if (unknown !== undefined)
  refuse(`there is no tool "${unknown}"; name some of ${Object.keys(tools).join(", ")}`);
const chosen = positionals.length > 0 ? positionals : Object.keys(tools);
const sumOfSquares = ((tasks - 1) * tasks * (2 * tasks - 1)) / 6;

const size = { nodes: 4, cpus: 4, memoryMb: 16_000 };
// Nextflow submits everything with --no-requeue.
await benchmark({ ...size, config: { functions: { noRequeue: "once" } } }, async (site) => {
  const names = join(site.cluster.dir, "work", "names");
  mkdirSync(names);
  chmodSync(names, 0o1777);
  await site.gleanOrThrow(["install-aliases", names], { user: benchmarkUser });
  const results: Record<string, object> = {};
  for (const name of chosen) {
    results[name] = await attempt(site, name, names);
    say(`${name}: ${JSON.stringify(results[name])}`);
  }
  return { tasks, results };
});

/** A tool that cannot be had or fails does not keep the others from running. */
async function attempt(site: Site, name: string, names: string): Promise<object> {
  const tool = tools[name]!;
  try {
    return await measure(site, name, tool, await install(`tool-${name}`, tool.needs), names);
  } catch (error) {
    return { right: false, reason: messageOf(error) };
  }
}

async function measure(
  site: Site,
  name: string,
  tool: Tool,
  installed: string,
  names: string,
): Promise<object> {
  const folder = join(site.cluster.dir, "work", name);
  mkdirSync(folder);
  chmodSync(folder, 0o1777);
  const before = await functions(site);
  const settings = `GLEANER_CONF=${site.files.config} HOME=${folder} TASKS=${tasks}`;
  const exports = `export PATH=${names}:${installed}/bin:$PATH ${settings}`;
  const ending = new AbortController();
  const jobs = evict(site, ending.signal);
  // The tool is waited for in any case, and the jobs' failure told afterwards.
  jobs.catch(() => undefined);
  const startedMs = preciseMs();
  const ended = site.cluster
    .run("/bin/bash", ["-c", `cd ${folder}; ${exports}; ${tool.line(installed, tasks)}`], {
      user: benchmarkUser,
      timeoutMs: toolLimitMs,
    })
    .finally(() => ending.abort());
  const { stdout, stderr, exitCode } = await ended;
  const batchJobs = await jobs;
  const seconds = rounded((preciseMs() - startedMs) / 1_000, 1);
  if (exitCode !== 0) throw new Error(`${stdout}${stderr}`.trim().slice(-quotedCharacters));
  const after = await functions(site);
  return {
    tasks,
    functions: after.functions - before.functions,
    evicted: after.evicted - before.evicted,
    batchJobs,
    seconds,
    load: rounded(loadavg()[0]!, 0),
    right: stdout.trim().split("\n").at(-1) === String(sumOfSquares),
  };
}

/** How many functions there were, and how many attempts were begun again or given up. */
async function functions(site: Site): Promise<{ functions: number; evicted: number }> {
  const listing = await site.gleanOrThrow(["acct", "--json"]);
  const { invocations } = JSON.parse(listing) as { invocations: readonly Invocation[] };
  const evicted = invocations.reduce((sum, { attempt: last, state, reason }) => {
    const isEvictedForGood = state === "FAILED" && /evict/i.test(reason ?? "");
    return sum + Math.max(0, last - 1) + (isEvictedForGood ? 1 : 0);
  }, 0);
  return { functions: invocations.length, evicted };
}
