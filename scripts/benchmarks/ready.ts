// Measures how soon a function runs where a job has ended, on a whole node and on a fragment, with
// the hook's message and by polling alone: [--runs N] [--polled N].

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { until } from "../cluster/until.js";
import type { Site } from "../site/site.js";
import { Api } from "./lib/api.js";
import { benchmark, benchmarkUser, countsOf, rounded, say } from "./lib/harness.js";

const counts = countsOf({ runs: 25, polled: 10 });
const patienceMs = 60_000;
/** poll.intervalMs, whose default the site has. */
const pollMs = 5_000;
/** Long compared with poll.minimumMs. */
const hookedJobMs = 1_000;

/**
 * The batch job's share of the node's 4 cores; next to the second, a neighbour with one core stays,
 * and so does the executor.
 */
const shares = {
  whole: { options: ["--exclusive"], leavesCores: 0 },
  fragment: { options: ["-c", "2", "--mem=2000"], leavesCores: 1 },
} as const;
type Share = keyof typeof shares;
const neighbour = ["-c", "1", "--mem=500", "--wrap=sleep 100000"];

await benchmark({ nodes: 1, cpus: 4, memoryMb: 8_000 }, async (site) => {
  const work = join(site.cluster.dir, "work", "ready");
  mkdirSync(work, { recursive: true });
  chmodSync(work, 0o777);
  const api = new Api(site);
  await api.identify();
  const run = (share: Share) => (aboutMs: number) => once(site, api, work, share, aboutMs);
  const whole = await withAndWithout(site, run("whole"));
  await sbatch(site, neighbour);
  const fragment = await withAndWithout(site, run("fragment"));
  api.close();
  return {
    ...counts,
    readyMs: {
      hook: { whole: percentiles(whole.hook), fragment: percentiles(fragment.hook) },
      polled: { whole: percentiles(whole.polled), fragment: percentiles(fragment.polled) },
    },
  };
});

/** With the epilog, and with a replacement that sends nothing. */
async function withAndWithout(site: Site, one: (aboutMs: number) => Promise<number>) {
  const epilog = site.files.program("glean-epilog");
  const speaking = `${epilog}.speaking`;
  copyFileSync(epilog, speaking);
  const hook = await repeat(counts.runs, () => one(hookedJobMs));
  replace(epilog, "/bin/true");
  const polled = await repeat(counts.polled, () => one(pollMs));
  replace(epilog, speaking);
  return { hook, polled };
}

/** By rename: slurmd may be about to run it. */
function replace(program: string, by: string): void {
  copyFileSync(by, `${program}.new`);
  chmodSync(`${program}.new`, 0o755);
  renameSync(`${program}.new`, program);
}

async function repeat(runs: number, one: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let run = 0; run < runs; run++) values.push(await one());
  say(values.map((value) => rounded(value, 0)).join(" "));
  return values;
}

/**
 * Milliseconds from a batch job's last instruction to the first of a function that waits for its
 * cores. The job ends at a random moment of the next `aboutMs`, so that its end is independent of
 * the reads of Slurm.
 */
async function once(
  site: Site,
  api: Api,
  work: string,
  share: Share,
  aboutMs: number,
): Promise<number> {
  const [go, ended, began] = ["go", "ended", "began"].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  for (const file of [go, ended, began]) rmSync(file, { force: true });
  execFileSync("mkfifo", ["-m", "666", go]);
  const { options, leavesCores } = shares[share];
  await sbatch(site, [...options, `--wrap=read -r _ < ${go}; date +%s%N > ${ended}`]);
  await nodeLeft(api, leavesCores);
  // More than is left, so that it waits.
  const need = ["-c", "2", "--mem=500M", "-o", "/dev/null", `--wrap=date +%s%N > ${began}`];
  const id = await site.gleanOrThrow(["batch", "--parsable", ...need], { user: benchmarkUser });
  await pause(Math.random() * aboutMs);
  writeFileSync(go, "\n");
  const waitedMs = (await microsecondsIn(began)) / 1_000 - (await microsecondsIn(ended)) / 1_000;
  // Otherwise the next job could evict it in its last instant, and it would run again, at the wrong
  // time.
  await api.ended(Number(id));
  return waitedMs;
}

async function sbatch(site: Site, args: string[]): Promise<void> {
  const { exitCode, stderr } = await site.cluster.run("sbatch", ["--output=/dev/null", ...args]);
  if (exitCode !== 0) throw new Error(stderr);
}

/**
 * Resolves when the node's jobs leave this many cores, and an executor holds exactly these; for 0,
 * when it has gone.
 */
async function nodeLeft(api: Api, cores: number): Promise<void> {
  const look = async () => {
    const [node] = (await api.info()).nodes;
    if (node === undefined) return undefined;
    const isHeld = (node.executor?.budget.cores ?? 0) === cores;
    const isThere = node.executor !== null;
    return node.cores - node.allocatedCores === cores && isHeld && isThere === cores > 0
      ? true
      : undefined;
  };
  await until(patienceMs, look, () => new Error("the batch job did not get its share"));
}

function microsecondsIn(file: string): Promise<number> {
  const look = () => {
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    return text.endsWith("\n") ? Number(BigInt(text.trim()) / 1_000n) : undefined;
  };
  return until(patienceMs, look, () => new Error(`${file} did not appear in time`));
}

function percentiles(values: readonly number[]) {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (part: number) => rounded(sorted[Math.ceil(part * sorted.length) - 1]!, 0);
  return { p50: at(0.5), p99: at(0.99) };
}
