// Runs the same batch jobs with Gleaner off and with Gleaner filling every hole, in turn: [--rounds
// N] [--jobs N] [--burn] [--leases] ...; or every kind of job: --mix all [--minutes N] [--lanes N]
// [--load N].

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled } from "../../cluster/cluster.js";
import { allocatedBefore, type JobRecord, readJobRecords } from "../../cluster/slurmctld-log.js";
import { until } from "../../cluster/until.js";
import { integer, readOptions } from "../../lib/options.js";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import {
  benchmark,
  benchmarkUser,
  measuredPercentiles,
  median,
  rounded,
  say,
} from "../lib/harness.js";
import { compileTools, makeJobs, type Observed, runRound } from "./jobs.js";
import { mix } from "./mix.js";
import { assertNothingOfGleaner } from "./off.js";
import { Spinning } from "./spinning.js";

const bars = { ratioP50: 1.03, ratioP99: 1.1, violations: 0 } as const;
const readyDeadlineMs = 60_000;
/** Mostly asleep, because the machine has fewer real cores than its nodes declare together. */
const sleepers = [500, 700, 1_100, 1_900].map((ms) => ["/bin/sleep", String(ms / 1_000)]);

const { values } = readOptions({
  options: {
    rounds: { type: "string", default: "14" },
    jobs: { type: "string", default: "15" },
    nodes: { type: "string" },
    cpus: { type: "string", default: "4" },
    seed: { type: "string", default: "1" },
    /** CPU-bound functions instead: fair only if nodes x cpus are real cores. */
    burn: { type: "boolean", default: false },
    /** A lease whose workers spin on every core instead: as fair as --burn. */
    leases: { type: "boolean", default: false },
    /** All at once on a site with disturbances, `all` kinds or some by name: harm/mix.ts. */
    mix: { type: "string" },
    minutes: { type: "string", default: "20" },
    lanes: { type: "string", default: "6" },
    /** Busy loops during the mix. */
    load: { type: "string", default: "0" },
    /** A folder for the logs of the mix. */
    logs: { type: "string" },
  },
});
const rounds = integer("rounds", values.rounds);
const jobsPerRound = integer("jobs", values.jobs);
/** The mix needs more: its jobs are wide, and must leave holes. */
const nodes = integer("nodes", values.nodes ?? (values.mix === undefined ? "4" : "6"));
const cpus = integer("cpus", values.cpus);

await ensureInstalled(["gcc=gcc"]);
if (values.mix === undefined) await paired();
else
  await mix({
    mix: values.mix,
    minutes: integer("minutes", values.minutes),
    nodes,
    lanes: integer("lanes", values.lanes),
    seed: integer("seed", values.seed),
    load: values.load === "0" ? 0 : integer("load", values.load),
    logs: values.logs ?? null,
  });

async function paired(): Promise<void> {
  await benchmark({ nodes, cpus, memoryMb: cpus * 2_000 }, async (site) => {
    const tools = compileTools(site);
    const confs = confsOf(site);
    const spinning = values.leases ? new Spinning(site, nodes * cpus) : null;
    const seen: Record<Mode, Observed[]> = { off: [], on: [] };
    for (let round = 0; round < rounds; round++) {
      const jobs = makeJobs(jobsPerRound, cpus, integer("seed", values.seed) + round);
      // The second one finds warmer files, so they alternate.
      const order: Mode[] = round % 2 === 0 ? ["off", "on"] : ["on", "off"];
      for (const mode of order) {
        await restart(site, confs[mode]);
        const gleaner = mode === "on" ? await fillNodes(site, tools.burn, spinning) : null;
        if (gleaner === null) assertNothingOfGleaner(site);
        const folder = join(site.cluster.dir, "work", `${mode}-${round}`);
        const observed = await runRound(site, tools, jobs, cpus, folder);
        if (gleaner === null) assertNothingOfGleaner(site);
        else await gleaner.assertStillFull();
        seen[mode].push(...observed);
        const starts = measuredPercentiles(
          "a job's start",
          observed.map(({ startMs }) => startMs),
        );
        say(`round ${round + 1} ${mode}: start p50 ${starts.p50} ms, max ${starts.max} ms`);
      }
    }
    await spinning?.stop();
    return resultOf(seen, readJobRecords(join(site.cluster.dir, "log", "slurmctld.log")));
  });
}

type Mode = "off" | "on";

function resultOf(
  seen: Readonly<Record<Mode, readonly Observed[]>>,
  records: ReadonlyMap<number, JobRecord>,
) {
  const percentiles = (what: string, valuesMs: readonly number[]) => {
    const { p50, p99 } = measuredPercentiles(what, valuesMs);
    return { p50, p99 };
  };
  const startsOf = (mode: Mode) =>
    percentiles(
      "a job's start",
      seen[mode].map(({ startMs }) => startMs),
    );
  const startMs = { off: startsOf("off"), on: startsOf("on") };
  // Without the scheduler's own wait, which depends on when in its second a job arrives.
  const afterAllocation = (mode: Mode) =>
    percentiles(
      "a job's allocation",
      seen[mode].map(({ job, beganAtMs }) => {
        const allocatedAtMs = allocatedBefore(records.get(job), beganAtMs);
        if (allocatedAtMs === null)
          throw new Error(`slurmctld's log does not show when job ${job} got its nodes`);
        return beganAtMs - allocatedAtMs;
      }),
    );
  const runOf = (mode: Mode) => median(seen[mode].map(({ runMs }) => runMs));
  const result = {
    rounds,
    startMs,
    ratioP50: rounded(startMs.on.p50 / startMs.off.p50, 3),
    ratioP99: rounded(startMs.on.p99 / startMs.off.p99, 3),
    runRatio: rounded(runOf("on") / runOf("off"), 3),
    violations: [...seen.on, ...seen.off].filter(({ violation }) => violation).length,
    jobs: seen.on.length,
    pairedMs: pairedDifference(seen),
    afterAllocationMs: { off: afterAllocation("off"), on: afterAllocation("on") },
    runMs: { off: rounded(runOf("off")), on: rounded(runOf("on")) },
    nodes,
    cpus,
    functions: values.leases ? "leased, spinning" : values.burn ? "CPU-bound" : "asleep",
    bars,
  };
  const withinBars =
    result.ratioP50 <= bars.ratioP50 &&
    result.ratioP99 <= bars.ratioP99 &&
    result.violations === bars.violations;
  return { ...result, withinBars };
}

/**
 * How much later each job began than the same job of the round without Gleaner: the median, and its
 * 95 % interval by ranks. An interval that contains 0 shows no difference.
 */
function pairedDifference(seen: Readonly<Record<Mode, readonly Observed[]>>) {
  const off = byRound(seen.off);
  const later = byRound(seen.on)
    .flatMap((round, index) => round.map(({ startMs }, job) => startMs - off[index]![job]!.startMs))
    .sort((left, right) => left - right);
  const reach = 0.98 * Math.sqrt(later.length);
  const at = (rank: number) =>
    later[Math.min(later.length - 1, Math.max(0, Math.round(later.length / 2 + rank) - 1))]!;
  return { median: median(later), low: at(-reach), high: at(reach + 1) };
}

function byRound(observed: readonly Observed[]): Observed[][] {
  return Array.from({ length: rounds }, (_, round) =>
    observed.slice(round * jobsPerRound, (round + 1) * jobsPerRound),
  );
}

/** slurm.conf as it is, and without any line of Gleaner's. */
function confsOf(site: Site): Record<Mode, string> {
  const on = readFileSync(site.cluster.slurmConf, "utf8");
  const isOurs = (line: string) => /^(Prolog|Epilog|PrologFlags)=/.test(line);
  const off = on
    .split("\n")
    .filter((line) => !isOurs(line))
    .join("\n");
  return { on, off };
}

/** Starts gleanerd and returns once functions run on every core of every node. */
async function fillNodes(
  site: Site,
  burn: string,
  spinning: Spinning | null,
): Promise<{ assertStillFull(): Promise<void> }> {
  await site.startDaemon();
  const api = new Api(site);
  await api.identify();
  await site.glean(["cancel", "--user", benchmarkUser, "--state", "PENDING"]);
  if (spinning === null) await submitFunctions(api, burn);
  else await spinning.begin(api);
  const full = async () => {
    const info = await api.info();
    const used = info.nodes.reduce((sum, { executor }) => sum + (executor?.usedCores ?? 0), 0);
    return used === nodes * cpus ? true : undefined;
  };
  const late = () => new Error(`functions did not fill the nodes within ${readyDeadlineMs} ms`);
  await until(readyDeadlineMs, full, late);
  return {
    /**
     * The last job has ended, so its cores are filled again, unless nothing waited any more during
     * the round.
     */
    assertStillFull: async () => {
      if (spinning === null && (await api.info()).pending === 0)
        throw new Error("no function is waiting any more");
      await until(readyDeadlineMs, full, late);
      await spinning?.allSpin(api);
      await spinning?.end();
      api.close();
    },
  };
}

/** Twice as many as a round can run, so that work waits at any moment. */
async function submitFunctions(api: Api, burn: string): Promise<void> {
  const argvs = values.burn ? [[burn, "1000000000", "/dev/null"]] : sleepers;
  const tasks = Math.ceil((nodes * cpus * jobsPerRound * 5) / argvs.length);
  for (const argv of argvs) await api.submit(argv, argv[1]!, Math.min(10_000, tasks));
}

/**
 * Ends gleanerd with its executors, and restarts all of Slurm: a node that has not yet read
 * PrologFlags=Alloc would let jobs wait for its prolog.
 */
async function restart(site: Site, conf: string): Promise<void> {
  const { cluster } = site;
  site.assertDaemonDidNotCrash();
  await site.endDaemon("SIGINT");
  await Promise.all(cluster.nodeNames.map((node) => cluster.stopNode(node)));
  await cluster.stopSlurmctld();
  writeFileSync(cluster.slurmConf, conf);
  await cluster.startSlurmctld();
  await Promise.all(cluster.nodeNames.map((node) => cluster.startNode(node)));
}
