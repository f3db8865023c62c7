// Starts executors as preemptible batch jobs, one for a node: no root, no hook, Slurm itself evicts them.

import { executorMemoryMb, pilotMinutes, pilotName } from "../core/capacity/pilots.js";
import type { Launcher, LaunchSize, ProcessState } from "../core/ports/launcher.js";
import { assert, GleanerError } from "../model/errors.js";
import type { ExecutorId, NodeName } from "../model/ids.js";
import { type RunResult, run } from "./command.js";
import { noDebugger, requireNodeName, requirePlainPath } from "./names.js";
import { seal } from "./seal.js";

export interface PilotLauncherOptions {
  /** The Node program and the bundled executor, as paths on the nodes. */
  readonly node: string;
  readonly executorProgram: string;
  /** Must exist on the nodes, writable for us; each node's pilots append to a file of its own there. */
  readonly logDirectory: string;
  readonly slurmConf: string | null;
  readonly binDirectory: string | null;
  readonly commandTimeoutMs: number;
  /** munged's socket here and on the nodes; null: munge's default. */
  readonly mungeSocket: string | null;
  /** Whose jobs they are. */
  readonly uid: number;
  /** As in core/capacity/pilots.ts. */
  readonly instance: string;
  readonly partition: string;
  readonly account: string | null;
  readonly qos: string | null;
  /** How long a pilot may wait and start: its sealed launch is good no longer. */
  readonly validMs: number;
}

/** Job states in which a pilot is, or will be. */
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
/** States in which Slurm, or whoever asked it to, took back what the pilot held. FAILED and NODE_FAIL are failures. */
const evicted: ReadonlySet<string> = new Set(["PREEMPTED", "CANCELLED", "TIMEOUT", "DEADLINE"]);

/** Whether a pilot in this state of Slurm's is, was evicted, or failed. */
export function pilotStateOf(slurmState: string): ProcessState {
  if (alive.has(slurmState)) return "running";
  return evicted.has(slurmState) ? "evicted" : "gone";
}

/** A launcher by sbatch; rejects with CONFIG and LAUNCH. Every pilot has at most one job. */
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
  /** Of the pilots that this daemon submitted and has not forgotten, null when Slurm refused one; other jobs are found by their names. */
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
    // Kept before there is an answer: whoever takes it back meanwhile waits for that.
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
      throw new GleanerError("LAUNCH", `sbatch refused the pilot of ${node}: ${complaint}`);
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
      // The next read of Slurm shows it as a pilot that nobody knows: then it is withdrawn again.
    }
  }

  /** null: Slurm does not know it, or no more. Rejects when Slurm cannot be asked. */
  private async find(executor: ExecutorId): Promise<{ job: string; state: string } | null> {
    const { uid, partition } = this.options;
    const job = await this.jobs.get(executor);
    // By uid: Slurm 26.05 knows no user of the name nobody.
    const which = typeof job === "string" ? ["-j", job] : ["-u", `${uid}`, "-p", partition];
    const args = ["-h", "-a", "--local", "-t", "all", "-o", "%A|%T|%j", ...which];
    const { exitCode, stdout, complaint } = await this.slurm("squeue", args, "");
    if (exitCode !== 0 && complaint.includes("Invalid job id")) return null;
    // Of a user that it does not know it says so, lists nothing and ends with 0.
    if (exitCode !== 0 || complaint.includes("error:"))
      throw new GleanerError("LAUNCH", `squeue failed: ${complaint}`);
    const line = stdout.split("\n").find((each) => each.endsWith(`-${executor}`));
    if (line === undefined) return null;
    const [id, state] = line.split("|");
    return { job: id!, state: state! };
  }

  /** The shell's input is the script, so the executor reads its launch from a here-document; `exec` makes it the job's own process. */
  private script(sealed: string): string {
    const { node, executorProgram, mungeSocket } = this.options;
    const socket = mungeSocket === null ? "" : ` --munge-socket=${mungeSocket}`;
    return `#!/bin/sh\numask 077\nexport NODE_OPTIONS=${noDebugger}\nexec ${node} ${executorProgram}${socket} <<'END'\n${sealed}\nEND\n`;
  }

  private slurm(program: string, args: readonly string[], input: string): Promise<RunResult> {
    const { slurmConf, binDirectory, commandTimeoutMs } = this.options;
    this.commands += 1;
    const conf = slurmConf ?? process.env.SLURM_CONF;
    return run(binDirectory === null ? program : `${binDirectory}/${program}`, args, input, {
      environment: conf === undefined ? {} : { SLURM_CONF: conf },
      timeoutMs: commandTimeoutMs,
    });
  }
}

/** Nothing here is secret: everybody may read the arguments of a command and what Slurm shows of a job. */
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
    // Not --time-min: backfill then cuts the pilot down to it, and preemption does not ask for the limit.
    `--time=${pilotMinutes(null, timeLimitMs)}`,
    // One that comes back after a preemption would come where there is no hole any more.
    "--no-requeue",
    "--chdir=/",
    `--output=${options.logDirectory}/pilot-${node}.log`,
    "--open-mode=append",
  ];
  if (options.account !== null) args.push(`--account=${options.account}`);
  if (options.qos !== null) args.push(`--qos=${options.qos}`);
  return args;
}
