// New seeds of the fault simulation for a while, or some again: [--minutes 10] [--seeds N] [--from N] [--steps 200] [--seed N].

import { type ChildProcess, fork } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runSeed } from "../../test/faults/seed.js";
import { preciseMs, rounded, say } from "./lib/harness.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    /** So many instead of so long. */
    seeds: { type: "string" },
    from: { type: "string" },
    steps: { type: "string", default: "200" },
    /** One, with all that happens in it. */
    seed: { type: "string" },
    worker: { type: "boolean", default: false },
  },
});

interface Failure {
  readonly seed: number;
  readonly problem: string;
}

/** What a worker says of each seed. */
interface Done {
  readonly seed: number;
  readonly problem: string | null;
  readonly virtualMs: number;
  readonly attempts: number;
}

const steps = whole("steps", values.steps);
if (values.worker) work();
else if (values.seed !== undefined) await replay(whole("seed", values.seed));
else await soak();

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} takes a whole number from 1, not ${text}`);
  return value;
}

async function replay(seed: number): Promise<void> {
  const { problems, ...result } = await runSeed({ seed, steps, tell: say });
  for (const problem of problems) say(`seed ${seed}: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
  process.stdout.write(`${JSON.stringify({ ...result, problems: problems.length })}\n`);
}

/** Runs the seeds that it is sent, one at a time. */
function work(): void {
  process.on("message", async (seed: number) => {
    const { problems, virtualMs, invocations } = await runSeed({ seed, steps });
    const { attempts } = invocations;
    const done: Done = { seed, problem: problems[0] ?? null, virtualMs, attempts };
    process.send!(done);
  });
}

async function soak(): Promise<void> {
  const limitMs = values.seeds === undefined ? whole("minutes", values.minutes) * 60_000 : Infinity;
  const count = values.seeds === undefined ? Infinity : whole("seeds", values.seeds);
  // Other seeds each time, far from those of the tests.
  const first =
    values.from === undefined
      ? Math.floor(preciseMs() * 1_000) % 4_000_000_000
      : whole("from", values.from);
  say(`seeds from ${first}, ${steps} steps each, on ${cpus().length} processors`);
  const startedMs = preciseMs();
  const failures: Failure[] = [];
  let next = first;
  let seeds = 0;
  let virtualMs = 0;
  let attempts = 0;
  const isOver = () => preciseMs() - startedMs >= limitMs || next - first >= count;
  const drive = (worker: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      const give = () => {
        if (isOver()) worker.disconnect();
        else worker.send(next++);
      };
      worker.on("message", (done: Done) => {
        seeds++;
        virtualMs += done.virtualMs;
        attempts += done.attempts;
        if (done.problem !== null) {
          failures.push({ seed: done.seed, problem: done.problem });
          say(`seed ${done.seed}: ${done.problem}`);
          say(`  again: scripts/bench soak --seed ${done.seed} --steps ${steps}`);
        }
        if (seeds % 1_000 === 0) say(`${seeds} seeds, ${failures.length} of them broken`);
        give();
      });
      worker.once("error", reject);
      worker.once("exit", (code) =>
        code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`)),
      );
      give();
    });
  const program = fileURLToPath(import.meta.url);
  const workers = cpus().map(() => fork(program, ["--worker", "--steps", String(steps)]));
  try {
    await Promise.all(workers.map(drive));
  } finally {
    for (const worker of workers) worker.kill();
  }
  const wallMs = preciseMs() - startedMs;
  const result = {
    seeds,
    failures: failures.length,
    failedSeeds: failures.slice(0, 20).map(({ seed }) => seed),
    steps,
    attempts,
    virtualHours: rounded(virtualMs / 3_600_000, 1),
    wallSeconds: rounded(wallMs / 1_000, 1),
    msPerSeed: rounded(wallMs / Math.max(1, seeds)),
  };
  if (failures.length > 0) process.exitCode = 1;
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
