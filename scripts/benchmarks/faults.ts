// Runs new seeds of the fault simulation for some time, or repeats some: [--minutes 10] [--seeds N]
// [--from N] [--steps 200] [--usual] [--processes N] [--seed N].

import { type ChildProcess, fork } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { runSeed, type SeedResult } from "../../test/faults/seed.js";
import { integer, readOptions } from "../lib/options.js";
import { preciseMs, rounded, say } from "./lib/harness.js";

const { values } = readOptions({
  options: {
    minutes: { type: "string", default: "10" },
    /** A number of seeds instead of a duration. */
    seeds: { type: "string" },
    from: { type: "string" },
    steps: { type: "string", default: "200" },
    /** Each seed with the usual mix of acts, not one of its own. */
    usual: { type: "boolean", default: false },
    /** Each runs one seed at a time. */
    processes: { type: "string", default: String(cpus().length) },
    /** A single seed, with everything that happens in it. */
    seed: { type: "string" },
    worker: { type: "boolean", default: false },
  },
});

/** What a worker reports about each seed. */
interface Done {
  readonly seed: number;
  readonly problem: string | null;
  readonly often: SeedResult["often"];
  readonly virtualMs: number;
  readonly attempts: number;
}

async function replay(seed: number): Promise<void> {
  const { problems, ...result } = await runSeed({ seed, steps, often, tell: say });
  for (const problem of problems) say(`seed ${seed}: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
  process.stdout.write(`${JSON.stringify({ ...result, problems: problems.length })}\n`);
}

/** Runs the seeds that it receives, one at a time. */
function work(): void {
  process.on("message", async (seed: number) => {
    const { problems, invocations, ...result } = await runSeed({ seed, steps, often });
    const { attempts } = invocations;
    const done: Done = { ...result, problem: problems[0] ?? null, attempts };
    process.send!(done);
  });
}

/** The results of all workers together. */
class Tally {
  seeds = 0;
  virtualMs = 0;
  attempts = 0;
  readonly failedSeeds: number[] = [];

  add({ seed, problem, often, virtualMs, attempts }: Done): void {
    this.seeds++;
    this.virtualMs += virtualMs;
    this.attempts += attempts;
    if (problem !== null) {
      this.failedSeeds.push(seed);
      say(`seed ${seed}: ${problem}`);
      say(`  weights of acts other than usual: ${JSON.stringify(often)}`);
      say(`  repeat it with: scripts/bench faults ${["--seed", seed, ...how].join(" ")}`);
    }
    if (this.seeds % 1_000 === 0) say(`${this.seeds} seeds run, ${this.failedSeeds.length} failed`);
  }
}

/** Gives a worker one seed after the other until there are none; then it ends. */
function drive(worker: ChildProcess, next: () => number | null, tally: Tally): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = () => {
      const seed = next();
      if (seed === null) worker.disconnect();
      else worker.send(seed);
    };
    worker.on("message", (done: Done) => {
      tally.add(done);
      give();
    });
    worker.once("error", reject);
    worker.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`a worker exited with status ${code}`)),
    );
    give();
  });
}

async function runSeeds(): Promise<void> {
  const { minutes, seeds, from } = values;
  const processes = integer("processes", values.processes);
  const limitMs = seeds === undefined ? integer("minutes", minutes) * 60_000 : Infinity;
  const count = seeds === undefined ? Infinity : integer("seeds", seeds);
  // Different seeds each time, far from those of the tests.
  const first =
    from === undefined
      ? 1_000_000 + (Math.floor(preciseMs()) % 4_000_000_000)
      : integer("from", from);
  say(`running seeds from ${first} on, ${steps} steps each, in ${processes} processes`);
  const startedMs = preciseMs();
  const tally = new Tally();
  let given = 0;
  const next = () =>
    given >= count || preciseMs() - startedMs >= limitMs ? null : first + given++;
  const program = fileURLToPath(import.meta.url);
  const workers = Array.from({ length: processes }, () => fork(program, ["--worker", ...how]));
  try {
    await Promise.all(workers.map((worker) => drive(worker, next, tally)));
  } finally {
    for (const worker of workers) worker.kill();
  }
  const wallMs = preciseMs() - startedMs;
  if (tally.attempts === 0 || (seeds !== undefined && tally.seeds !== count))
    throw new Error(`only ${tally.seeds} seeds ran, with ${tally.attempts} attempts`);
  if (tally.failedSeeds.length > 0) process.exitCode = 1;
  const result = {
    seeds: tally.seeds,
    failures: tally.failedSeeds.length,
    failedSeeds: tally.failedSeeds.slice(0, 20),
    steps,
    attempts: tally.attempts,
    virtualHours: rounded(tally.virtualMs / 3_600_000, 1),
    wallSeconds: rounded(wallMs / 1_000, 1),
    msPerSeed: rounded(wallMs / Math.max(1, tally.seeds)),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

const steps = integer("steps", values.steps);
const often = values.usual ? {} : undefined;
/** What a seed is repeated with. */
const how = ["--steps", String(steps), ...(values.usual ? ["--usual"] : [])];
if (values.worker) work();
else if (values.seed !== undefined) await replay(integer("seed", values.seed));
else await runSeeds();
