// The kinds of batch jobs that sites run, with what is done to each while it runs and how it may
// end.

import { setTimeout as pause } from "node:timers/promises";
import { nowMs } from "../../../src/clock.js";
import type { RunResult } from "../../cluster/command.js";
import type { Site } from "../../site/site.js";
import { say } from "../lib/harness.js";
import { isActive, type JobBook, type JobRecord } from "./job-book.js";

export interface Lane {
  readonly site: Site;
  readonly book: JobBook;
  /** The job's unique name; its kind is the part before the dot. */
  readonly name: string;
  /** A number from 0 to below `below`. */
  readonly random: (below: number) => number;
  /** The command of one task, which runs for `runMs`. */
  readonly task: (runMs: number) => string;
}

export interface Kind {
  readonly run: (lane: Lane) => Promise<void>;
  /** Jobs of one run: an array and a heterogeneous job are several. */
  readonly jobs?: number;
  readonly mayEnd: readonly string[];
}

export const cpusPerNode = 8;
const runMs = ({ random }: Lane) => 300 + random(900);
/** From one core to more than half of a node. */
const someCores = ({ random }: Lane) => 1 + random(5);

async function submit(lane: Lane, options: readonly string[], wrap: string, user?: string) {
  const common = ["--parsable", `--job-name=${lane.name}`, "--output=/dev/null", "--time=5"];
  const args = [...common, ...options, `--wrap=${wrap}`];
  const result = await retried(() =>
    lane.site.cluster.run("sbatch", args, user === undefined ? {} : { user }),
  );
  return Number.parseInt(result.stdout, 10);
}

/** While slurmctld restarts, it rejects clients, for which Gleaner is not to blame. */
async function retried(run: () => Promise<RunResult>): Promise<RunResult> {
  for (;;) {
    const result = await run();
    if (result.exitCode === 0) return result;
    if (!isAway(result.stderr)) throw new Error(result.stderr.trim());
    await pause(500);
  }
}

const isAway = (said: string) =>
  /Unable to contact|Connection re(fused|set)|Socket timed out|Zero Bytes|Transport endpoint/.test(
    said,
  );

const batch =
  (options: (lane: Lane) => readonly string[], user?: string): Kind["run"] =>
  async (lane) => {
    await submit(lane, options(lane), `exec ${lane.task(runMs(lane))}`, user);
  };

const allEnded = (jobs: number) => (records: readonly JobRecord[]) =>
  records.length >= jobs && !records.some(isActive);
/** Waits until all jobs of the lane have ended; the others are cancelled, and count as failed. */
export async function ended(lane: Lane, jobs: number): Promise<void> {
  try {
    await lane.book.until(lane.name, "its end", allEnded(jobs));
  } catch (thrown) {
    say((thrown as Error).message);
    // A rejected client leaves nothing behind.
    if (lane.book.named(lane.name).length === 0) return;
    await retried(() => lane.site.cluster.run("scancel", ["--name", lane.name]));
    await lane.book
      .until(lane.name, "its end after scancel", allEnded(1))
      .catch((late: Error) => say(late.message));
  }
}
const running = async (lane: Lane): Promise<JobRecord> => {
  const began = (records: readonly JobRecord[]) => records.some(({ state }) => state !== "PENDING");
  return (await lane.book.until(lane.name, "its start", began))[0]!;
};

const control = (lane: Lane, args: readonly string[]) =>
  retried(() => lane.site.cluster.run("scontrol", [...args]));

/** A client that runs as long as its job. */
async function client(lane: Lane, program: string, args: readonly string[]): Promise<void> {
  const all = [`--job-name=${lane.name}`, "--time=5", ...args];
  // The job's own record tells whether that was a failure, and whose.
  try {
    const { exitCode, stderr } = await lane.site.cluster.run(program, all, { timeoutMs: 120_000 });
    if (exitCode !== 0) say(`${lane.name}: ${stderr.trim()}`);
  } catch (thrown) {
    // A client may wait forever for a slurmd that was killed.
    say(`${lane.name}: ${(thrown as Error).message}`);
  }
}

/**
 * Slurm waits two minutes before it restarts a requeued job. Without any wait it may run no prolog
 * the second time, or reject the job's credential; after two seconds neither was seen in 40 runs.
 */
const requeuePauseMs = 3_000;
const completed = ["COMPLETED"];

export const kinds: Readonly<Record<string, Kind>> = {
  srun: {
    run: (lane) =>
      client(lane, "srun", ["-n1", `-c${someCores(lane)}`, ...lane.task(runMs(lane)).split(" ")]),
    mayEnd: completed,
  },
  sbatch: { run: batch((lane) => ["-n1", `-c${someCores(lane)}`]), mayEnd: completed },
  array: {
    run: batch((lane) => ["-n1", `-c${1 + lane.random(3)}`, "--array=0-3"]),
    jobs: 4,
    mayEnd: completed,
  },
  salloc: {
    run: (lane) =>
      client(lane, "salloc", [
        ...["-n1", `-c${someCores(lane)}`, "srun"],
        ...lane.task(runMs(lane)).split(" "),
      ]),
    mayEnd: completed,
  },
  het: {
    run: async (lane) => {
      const parts = ["-n1", "--mem=200", ":", "-n2", `--mem=${500 + lane.random(2_000)}`];
      await submit(lane, parts, `exec srun --het-group=0,1 ${lane.task(runMs(lane))}`);
    },
    jobs: 2,
    mayEnd: completed,
  },
  twoNodes: {
    run: async (lane) => {
      const options = ["-N2", "--ntasks-per-node=1", `-c${someCores(lane)}`];
      await submit(lane, options, `exec srun -c1 ${lane.task(runMs(lane))}`);
    },
    mayEnd: completed,
  },
  exclusive: { run: batch(() => ["-n1", "--exclusive"]), mayEnd: completed },
  userExclusive: {
    run: batch((lane) => [`-n${someCores(lane)}`, "--exclusive=user"], "daemon"),
    mayEnd: completed,
  },
  noMultithread: {
    run: batch((lane) => [`-n${1 + lane.random(4)}`, "--hint=nomultithread"]),
    mayEnd: completed,
  },
  threadsPerCore: {
    run: batch((lane) => [`-n${1 + lane.random(4)}`, "--threads-per-core=1"]),
    mayEnd: completed,
  },
  memory: {
    run: batch((lane) => ["-n1", `--mem=${1_000 * (1 + lane.random(8))}`]),
    mayEnd: completed,
  },
  gpuMemory: {
    run: batch((lane) => ["-n1", "--gres=gpu:1", `--mem=${1_000 * (2 + lane.random(5))}`]),
    mayEnd: completed,
  },
  gpuAllMemory: { run: batch(() => ["-n1", "--gres=gpu:1", "--mem=0"]), mayEnd: completed },
  memoryPerGpu: {
    run: batch((lane) => ["-n1", "--gpus=2", `--mem-per-gpu=${1_000 + lane.random(2_000)}`]),
    mayEnd: completed,
  },
  overlap: {
    run: async (lane) => {
      const step = `srun --overlap -n1 ${lane.task(400)}`;
      await submit(lane, [`-n${someCores(lane)}`], `${step} & ${step} & wait`);
    },
    mayEnd: completed,
  },
  suspendResume: {
    run: async (lane) => {
      await submit(lane, ["-n1", `-c${someCores(lane)}`], `exec ${lane.task(2_500)}`);
      const { job } = await running(lane);
      // It may have ended by then.
      await lane.site.cluster.run("scontrol", ["suspend", String(job)]);
      await pause(500 + lane.random(2_500));
      await resume(lane, job);
    },
    mayEnd: completed,
  },
  resize: {
    run: async (lane) => {
      const step = `srun -c1 ${lane.task(400)} || true`;
      const options = ["-N2", "--ntasks-per-node=1", `-c${someCores(lane)}`];
      await submit(lane, options, `${step}; exec ${lane.task(2_500)}`);
      const record = await running(lane);
      const nodes = [...record.shares.keys()].sort();
      if (nodes.length < 2) return;
      const atMs = nowMs();
      const shrink = ["update", `JobId=${record.job}`, `NodeList=${nodes[0]}`];
      const { exitCode } = await lane.site.cluster.run("scontrol", shrink);
      if (exitCode === 0) lane.book.resized(record.job, atMs, [nodes[0]!]);
    },
    mayEnd: completed,
  },
  requeue: {
    run: async (lane) => {
      const options = ["--requeue", "-n1", `-c${someCores(lane)}`];
      await submit(lane, options, `exec ${lane.task(1_500)}`);
      const { job } = await running(lane);
      const { exitCode } = await lane.site.cluster.run("scontrol", ["requeue", String(job)]);
      if (exitCode !== 0) return; // it has ended
      await lane.book.until(lane.name, "its return to the queue", (records) =>
        records.every(({ state }) => state === "PENDING"),
      );
      await pause(requeuePauseMs);
      await control(lane, ["update", `JobId=${job}`, "StartTime=now"]);
    },
    mayEnd: completed,
  },
  cancelWhileStarting: {
    run: async (lane) => {
      const job = await submit(lane, ["-n1", `-c${someCores(lane)}`], `exec ${lane.task(1_000)}`);
      await pause(lane.random(1_200));
      await retried(() => lane.site.cluster.run("scancel", [String(job)]));
    },
    mayEnd: ["CANCELLED", ...completed],
  },
};

async function resume(lane: Lane, job: number): Promise<void> {
  for (;;) {
    const { exitCode, stderr } = await lane.site.cluster.run("scontrol", ["resume", String(job)]);
    if (exitCode === 0 || !isAway(stderr)) return;
    await pause(500);
  }
}
