// One round of batch jobs, one after the other, as seen from Slurm's side: the start and the run of
// each job, and who else was there.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { nowMs } from "../../../src/clock.js";
import { until } from "../../cluster/until.js";
import { isViolation, readSightings, type Sighting } from "../../demonstration/stream.js";
import type { Site } from "../../site/site.js";

export interface HarmJob {
  readonly cores: number;
  /** After the end of the previous job. */
  readonly pauseMs: number;
}

export interface Observed {
  readonly job: number;
  /** When the job's first instruction ran, since the epoch. */
  readonly beganAtMs: number;
  /** From the start of sbatch to the job's first instruction. */
  readonly startMs: number;
  /** The time of the CPU-bound part. */
  readonly runMs: number;
  readonly violation: boolean;
}

const jobDeadlineMs = 60_000;
/** 0.2 s on one core of a machine of 2023. */
const burnRounds = 100_000_000;

/**
 * Slurm's scheduler looks at waiting jobs once in this time (sched_interval=1). A pause spans it,
 * so that jobs arrive at any moment of it: with shorter pauses the end of the job before would
 * decide how long the next one waits, and off and on would be compared at other moments.
 */
const schedulerPeriodMs = 1_000;
const leastPauseMs = 100;

/** The same jobs for the same seed, whatever Gleaner does. */
export const makeJobs = (count: number, coresPerNode: number, seed: number): HarmJob[] =>
  fc.sample(
    fc.record({
      cores: fc.noBias(fc.integer({ min: 1, max: coresPerNode })),
      pauseMs: fc.noBias(fc.integer({ min: leastPauseMs, max: leastPauseMs + schedulerPeriodMs })),
    }),
    { numRuns: count, seed },
  );

export interface Tools {
  readonly witness: string;
  readonly burn: string;
}

export function compileTools(site: Site): Tools {
  const build = (name: string, source: string): string => {
    const program = site.files.program(name);
    const path = fileURLToPath(new URL(source, import.meta.url));
    execFileSync("gcc", ["-O2", "-o", program, path]);
    return program;
  };
  return {
    witness: build("witness", "../../demonstration/witness.c"),
    burn: build("burn", "./burn.c"),
  };
}

/** Runs the jobs one after the other; creates `folder` and keeps their output there. */
export async function runRound(
  site: Site,
  tools: Tools,
  jobs: readonly HarmJob[],
  coresPerNode: number,
  folder: string,
): Promise<Observed[]> {
  const sightings = join(folder, "sightings");
  const runs = join(folder, "runs");
  for (const each of [sightings, runs]) mkdirSync(each, { recursive: true });
  const submitted: { id: number; atMs: number }[] = [];
  for (const { cores, pauseMs } of jobs) {
    await new Promise((wake) => setTimeout(wake, pauseMs));
    const atMs = nowMs();
    const { stdout, stderr, exitCode } = await site.cluster.run("sbatch", [
      "--parsable",
      "--nodes=1",
      "--ntasks=1",
      `--cpus-per-task=${cores}`,
      "--output=/dev/null",
      `--wrap=${tools.witness} ${sightings} ${coresPerNode} && exec ${tools.burn} ${burnRounds} ${runs}/$SLURM_JOB_ID`,
    ]);
    if (exitCode !== 0) throw new Error(`sbatch failed: ${stderr.trim()}`);
    const id = Number(stdout.trim());
    submitted.push({ id, atMs });
    await ended(site, id);
  }
  const seen = new Map(readSightings(sightings).map((sighting) => [sighting.job, sighting]));
  return submitted.map(({ id, atMs }) => observedOf(id, atMs, seen.get(id), runs));
}

function observedOf(
  id: number,
  atMs: number,
  sighting: Sighting | undefined,
  runs: string,
): Observed {
  if (sighting === undefined) throw new Error(`the witness of job ${id} wrote no record`);
  return {
    job: id,
    beganAtMs: sighting.atMs,
    startMs: sighting.atMs - atMs,
    runMs: Number(readFileSync(join(runs, String(id)), "utf8")) / 1_000,
    violation: isViolation(sighting),
  };
}

async function ended(site: Site, id: number): Promise<void> {
  const states = ["-h", "-t", "PENDING,RUNNING,COMPLETING", "-j", String(id)];
  await until(
    jobDeadlineMs,
    async () =>
      (await site.cluster.run("squeue", states)).stdout.trim() === "" ? true : undefined,
    () => new Error(`job ${id} did not end within ${jobDeadlineMs} ms`),
  );
}
