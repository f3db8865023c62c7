// Runs batch jobs of every kind at once on a site full of functions, while parts of Slurm and of
// Gleaner stop and die, and checks whether any job is harmed.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { monotonicMs } from "../../../src/clock.js";
import { seeded } from "../../../src/sim/random.js";
import { readJobRecords } from "../../cluster/slurmctld-log.js";
import { until } from "../../cluster/until.js";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import { benchmark, benchmarkUser, say } from "../lib/harness.js";
import { disturb } from "./disturbances.js";
import { JobBook } from "./job-book.js";
import { readWatch } from "./judge.js";
import { cpusPerNode, ended, type Kind, kinds } from "./kinds.js";
import { type MixEvidence, resultOf } from "./mix-result.js";

export interface MixOptions {
  /** `all`, or names of kinds separated by commas. */
  readonly mix: string;
  readonly minutes: number;
  readonly nodes: number;
  /** The number of jobs that run at once. */
  readonly lanes: number;
  readonly seed: number;
  /** Busy loops meanwhile. */
  readonly load: number;
  /** Where to save the logs and the witness's output; null for nowhere. */
  readonly logs: string | null;
}

const memoryMb = 8_000;
const gpusPerNode = 4;
/** A node's memory less the margin, divided among as many functions as it has CPUs. */
const functionMemoryMb = 900;
const sampleEveryMs = 15;
const disturbEveryMs = 10_000;
const readyDeadlineMs = 90_000;
const sayEveryMs = 30_000;
/** Seconds of sleep; with more of them there would be less work on each core when a job arrives. */
const sleeps = ["1.1", "2.3", "4.7"];

export async function mix(options: MixOptions): Promise<void> {
  const chosen = chooseKinds(options.mix);
  const site = {
    nodes: options.nodes,
    cpus: cpusPerNode,
    threadsPerCore: 2,
    memoryMb,
    gpusPerNode,
    slurmConfLines: ["MinJobAge=60"],
  };
  await benchmark(site, async (running) => {
    const load = startLoad(options.load);
    try {
      return await measure(running, options, chosen);
    } finally {
      load.stop();
      if (options.logs !== null) keepLogs(running, options.logs);
    }
  });
}

function chooseKinds(names: string): [string, Kind][] {
  const all = Object.entries(kinds);
  if (names === "all") return all;
  return names.split(",").map((name) => {
    const kind = kinds[name];
    if (kind === undefined)
      throw new Error(
        `invalid value "${name}" of --mix: expected all, or some of ${Object.keys(kinds).join(", ")}`,
      );
    return [name, kind];
  });
}

async function measure(site: Site, options: MixOptions, chosen: readonly [string, Kind][]) {
  const tools = compileTools(site);
  const marks = join(site.cluster.dir, "work", "marks");
  mkdirSync(marks);
  chmodSync(marks, 0o777); // jobs of several users write there
  const api = new Api(site);
  await api.identify();
  await submitFunctions(api, options, join(site.cluster.dir, "work"));
  await nodesAreFull(api, options);
  api.close();
  const book = new JobBook(site.cluster);
  const reading = book.readOn();
  const witness = startWitness(site, tools.watch);
  const over = new AbortController();
  const random = seeded(options.seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const disturbing = disturb(site, below, disturbEveryMs, over.signal);
  const endAtMs = monotonicMs() + options.minutes * 60_000;
  let begun = 0;
  let toldAtMs = monotonicMs();
  const lane = async (): Promise<void> => {
    while (monotonicMs() < endAtMs) {
      const [kindName, kind] = chosen[begun % chosen.length]!;
      begun++;
      const name = `${kindName}.${begun}`;
      const task = (ms: number) => `${tools.job} ${marks} ${ms}`;
      const at = { site, book, name, random: below, task };
      await kind.run(at);
      await ended(at, kind.jobs ?? 1);
      if (monotonicMs() - toldAtMs > sayEveryMs) {
        toldAtMs = monotonicMs();
        say(`${begun} submissions so far, ${Math.round((endAtMs - toldAtMs) / 1_000)} s left`);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: options.lanes }, lane));
  } finally {
    over.abort();
    book.close();
  }
  const { windows, drained } = await disturbing;
  await reading;
  const watched = readWatch(await witness.end());
  const stillWaits = await waiting(site);
  say(await site.gleanOrThrow(["report", "utilization"]));
  const evidence: MixEvidence = {
    watched,
    whole: { cores: cpusPerNode, memoryMb },
    book,
    windows,
    marks,
    jobTimes: readJobRecords(join(site.cluster.dir, "log", "slurmctld.log")),
    drained,
    stillWaits,
    chosen,
  };
  return { ...resultOf(evidence), minutes: options.minutes, load: options.load };
}

function compileTools(site: Site): { watch: string; job: string } {
  const build = (name: string): string => {
    const program = site.files.program(name);
    const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
    execFileSync("gcc", ["-O2", "-o", program, source]);
    return program;
  };
  return { watch: build("watch"), job: build("job") };
}

/** More than can run until the end, so that each hole is filled at any moment. */
async function submitFunctions(
  api: Api,
  { minutes, nodes }: MixOptions,
  workingDirectory: string,
): Promise<void> {
  const coreSeconds = nodes * cpusPerNode * (minutes + 2) * 60;
  const meanSeconds = sleeps.reduce((sum, each) => sum + Number(each), 0) / sleeps.length;
  const tasks = Math.ceil((coreSeconds / meanSeconds / sleeps.length) * 1.2);
  const needs = { memoryMb: functionMemoryMb, workingDirectory };
  for (const each of sleeps) await api.submit(["/bin/sleep", each], `sleep-${each}`, tasks, needs);
  const withGpu = { ...needs, gpus: 1 };
  await api.submit(["/bin/sleep", "2.9"], "sleep-gpu", Math.ceil(tasks / 4), withGpu);
}

async function nodesAreFull(api: Api, { nodes }: MixOptions): Promise<void> {
  await until(
    readyDeadlineMs,
    async () => {
      const info = await api.info();
      const used = info.nodes.reduce((sum, { executor }) => sum + (executor?.usedCores ?? 0), 0);
      return used === nodes * cpusPerNode ? true : undefined;
    },
    () => new Error(`functions did not fill the nodes within ${readyDeadlineMs} ms`),
  );
}

/** Invocations that wait at the end, when the token of the beginning is no longer valid. */
async function waiting(site: Site): Promise<number> {
  const api = new Api(site);
  await api.identify();
  const { pending } = await api.info();
  api.close();
  await site.gleanOrThrow(["cancel", "--user", benchmarkUser]);
  return pending;
}

function startWitness(site: Site, program: string): { end(): Promise<string> } {
  const file = join(site.cluster.dir, "watched");
  const output = openSync(file, "w");
  const child: ChildProcess = spawn(
    program,
    [join(site.cluster.dir, "work"), String(sampleEveryMs)],
    { stdio: ["pipe", output, "inherit"] },
  );
  closeSync(output);
  const exit = once(child, "exit");
  return {
    end: async () => {
      child.stdin!.end();
      const [code] = await exit;
      if (code !== 0) throw new Error(`the witness exited with status ${code}`);
      return readFileSync(file, "utf8");
    },
  };
}

function keepLogs({ cluster, files }: Site, folder: string): void {
  const kept = [
    join(cluster.dir, "log"),
    files.logs,
    files.daemonLog,
    join(cluster.dir, "watched"),
  ];
  for (const path of kept)
    if (existsSync(path)) cpSync(path, join(folder, basename(path)), { recursive: true });
}

function startLoad(loops: number): { stop(): void } {
  const busy = ["-c", "while :; do :; done"];
  const children = Array.from({ length: loops }, () => spawn("/bin/sh", busy, { stdio: "ignore" }));
  const stop = () => {
    for (const child of children) child.kill("SIGKILL");
  };
  process.once("exit", stop);
  return { stop };
}
