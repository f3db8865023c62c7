// Starts executors as preemptible batch jobs, one for each node; they need neither root nor a hook.

import { executorMemoryMb, pilotMinutes, pilotName } from "../core/capacity/pilots.js";
import { whatToCheck } from "../core/explain/slurm-complaints.js";
import type { Launcher, LaunchSize, ProcessState } from "../core/ports/launcher.js";
import { assert, GleanerError } from "../model/errors.js";
import type { ExecutorId, NodeName } from "../model/ids.js";
import type { RunProgram } from "../processes/run.js";
import { type RunResult, run } from "./command.js";
import { noDebugger, requireNodeName, requirePlainPath } from "./names.js";
import { seal } from "./seal.js";

export interface PilotLauncherOptions {
  /** The Node program and the bundled executor, as paths on the nodes. */
  readonly node: string;
  readonly executorProgram: string;
  /**
   * Must exist on the nodes and be writable; the pilots of each node append to its own file there.
   */
  readonly logDirectory: string;
  readonly slurmConf: string | null;
  readonly binDirectory: string | null;
  readonly commandTimeoutMs: number;
  readonly runProgram: RunProgram;
  /** The socket of munged, here and on the nodes; null for munge's default. */
  readonly mungeSocket: string | null;
  /** The user of the jobs. */
  readonly uid: number;
  /** As in core/capacity/pilots.ts. */
  readonly instance: string;
  readonly partition: string;
  readonly account: string | null;
  readonly qos: string | null;
  /** The time within which a pilot must start, before its sealed launch expires. */
  readonly validMs: number;
}

/** Job states of a pilot that runs or will run. */
const alive: ReadonlySet<string> = new Set([
  "PENDING",
  "CONFIGURING",
  "RUNNING",
  "COMPLETING",
  "SUSPENDED",
  "STOPPED",
  "REQUEUED",
  "RESIZING",
  "SIGNALING",
]);
/** States of an evicted pilot. FAILED and NODE_FAIL are failures. */
const evicted: ReadonlySet<string> = new Set(["PREEMPTED", "CANCELLED", "TIMEOUT", "DEADLINE"]);

/** Decides whether a pilot in this job state runs, was evicted, or failed. */
export function pilotStateOf(slurmState: string): ProcessState {
  if (alive.has(slurmState)) return "running";
  return evicted.has(slurmState) ? "evicted" : "gone";
}

/**
 * Creates a launcher that uses sbatch; rejects with CONFIG and LAUNCH. A pilot has at most one job.
 */
export function createPilotLauncher(options: PilotLauncherOptions): Launcher {
  requirePlainPath("programs.node", options.node);
  requirePlainPath("programs.executor", options.executorProgram);
  requirePlainPath("logDirectory", options.logDirectory);
  if (options.mungeSocket !== null) requirePlainPath("munge.socket", options.mungeSocket);
  return new PilotLauncher(options);
}

class PilotLauncher implements Launcher {
  readonly placement = "pilot";
  private commands = 0;
  /**
   * The jobs of pilots that this daemon submitted, null if Slurm refused one; others are found by
   * name.
   */
  private readonly jobs = new Map<ExecutorId, Promise<string | null>>();
  private readonly withdrawing = new Set<Promise<void>>();

  constructor(private readonly options: PilotLauncherOptions) {}

  async launch(
    node: NodeName,
    _address: string,
    executor: ExecutorId,
    input: string,
    size?: LaunchSize,
  ): Promise<void> {
    assert(size !== undefined, "a pilot has a size");
    requireNodeName(node);
    const submitted = this.submit(node, executor, input, size);
    // Stored before the answer, so that a concurrent withdrawal waits for the answer.
    this.jobs.set(
      executor,
      submitted.catch(() => null),
    );
    await submitted;
  }

  /** Returns the job's id. */
  private async submit(
    node: NodeName,
    executor: ExecutorId,
    input: string,
    size: LaunchSize,
  ): Promise<string> {
    const sealed = await seal(input, this.options);
    const args = submitArguments(node, executor, size, this.options);
    const { exitCode, stdout, complaint } = await this.slurm("sbatch", args, this.script(sealed));
    const job = /^(\d{1,10})(;\S*)?$/.exec(stdout.trim())?.[1];
    if (exitCode !== 0 || job === undefined)
      throw new GleanerError(
        "LAUNCH",
        `sbatch refused the pilot of ${node} (${complaint}): ${whatToCheck(complaint, "check placement.pilot")}`,
      );
    return job;
  }

  async probe(_node: NodeName, _address: string, executor: ExecutorId): Promise<ProcessState> {
    try {
      const found = await this.find(executor);
      return found === null ? "gone" : pilotStateOf(found.state);
    } catch {
      return "unknown";
    }
  }

  forget(executor: ExecutorId): void {
    this.jobs.delete(executor);
  }

  withdraw(executor: ExecutorId): Promise<void> {
    const done = this.cancel(executor).finally(() => this.withdrawing.delete(done));
    this.withdrawing.add(done);
    return done;
  }

  commandCount(): number {
    return this.commands;
  }

  async close(): Promise<void> {
    await Promise.all(this.withdrawing);
  }

  private async cancel(executor: ExecutorId): Promise<void> {
    try {
      const job = (await this.jobs.get(executor)) ?? (await this.find(executor))?.job;
      if (job !== undefined) await this.slurm("scancel", ["-Q", job], "");
    } catch {
      // The next read of Slurm shows an unknown pilot, which is then withdrawn again.
    }
  }

  /** Resolves with null if Slurm does not know the job. Rejects if Slurm does not answer. */
  private async find(executor: ExecutorId): Promise<{ job: string; state: string } | null> {
    const { uid, partition } = this.options;
    const job = await this.jobs.get(executor);
    // By uid, since Slurm 26.05 does not know the name nobody.
    const which = typeof job === "string" ? ["-j", job] : ["-u", `${uid}`, "-p", partition];
    const args = ["-h", "-a", "--local", "-t", "all", "-o", "%A|%T|%j", ...which];
    const { exitCode, stdout, complaint } = await this.slurm("squeue", args, "");
    if (exitCode !== 0 && complaint.includes("Invalid job id")) return null;
    // For an unknown user, squeue prints an error, lists nothing and exits with 0.
    if (exitCode !== 0 || complaint.includes("error:"))
      throw new GleanerError("LAUNCH", `squeue failed (${complaint}): ${whatToCheck(complaint)}`);
    const line = stdout.split("\n").find((each) => each.endsWith(`-${executor}`));
    if (line === undefined) return null;
    const [id, state] = line.split("|");
    return { job: id!, state: state! };
  }

  /** The executor reads its launch from a here-document; `exec` makes it the job's own process. */
  private script(sealed: string): string {
    const { node, executorProgram, mungeSocket } = this.options;
    const socket = mungeSocket === null ? "" : ` --munge-socket=${mungeSocket}`;
    return `#!/bin/sh\numask 077\nexport NODE_OPTIONS=${noDebugger}\nexec ${node} ${executorProgram}${socket} <<'END'\n${sealed}\nEND\n`;
  }

  private slurm(program: string, args: readonly string[], input: string): Promise<RunResult> {
    const { slurmConf, binDirectory, commandTimeoutMs, runProgram } = this.options;
    this.commands += 1;
    const conf = slurmConf ?? process.env.SLURM_CONF;
    return run(binDirectory === null ? program : `${binDirectory}/${program}`, args, input, {
      environment: conf === undefined ? {} : { SLURM_CONF: conf },
      timeoutMs: commandTimeoutMs,
      runProgram,
    });
  }
}

/** Contains nothing secret, since all users can read arguments of commands and jobs. */
function submitArguments(
  node: NodeName,
  executor: ExecutorId,
  { budget, timeLimitMs }: LaunchSize,
  options: PilotLauncherOptions,
): string[] {
  const memoryMb = budget.memoryMb + executorMemoryMb;
  const args = [
    "--parsable",
    `--job-name=${pilotName(options.instance, executor, memoryMb)}`,
    `--partition=${options.partition}`,
    "--nodes=1-1",
    `--nodelist=${node}`,
    "--ntasks=1",
    `--cpus-per-task=${budget.cores}`,
    `--mem=${memoryMb}M`,
    // Without --time-min, to which backfill would shorten the pilot; preemption ignores the limit.
    `--time=${pilotMinutes(null, timeLimitMs)}`,
    // A requeued pilot would start where the hole no longer exists.
    "--no-requeue",
    "--chdir=/",
    `--output=${options.logDirectory}/pilot-${node}.log`,
    "--open-mode=append",
  ];
  if (options.account !== null) args.push(`--account=${options.account}`);
  if (options.qos !== null) args.push(`--qos=${options.qos}`);
  return args;
}
