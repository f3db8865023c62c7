// Runs one Slurm command: no shell, an environment of our own, a limit on its time and on its output.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { GleanerError, messageOf } from "../model/errors.js";

export interface CommandOptions {
  readonly slurmConf: string | null;
  /** The folder of the Slurm commands; null: PATH. */
  readonly binDirectory: string | null;
  readonly timeoutMs: number;
  /** What it reads on its standard input; left out: nothing. */
  readonly input?: string;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  /** What it complained of: the first line of its standard error, else of its standard output; bounded. */
  readonly complaint: string;
}

/** 10,000 nodes are 5 MB and 50,000 jobs 10 MB; far above that something is wrong, and memory is at stake. */
export const maxOutputBytes = 256 * 1024 * 1024;
/** Only its first line is quoted. */
const maxErrorBytes = 64 * 1024;
/** A quoted line longer than this is no sentence any more. */
const maxComplaintLength = 300;

/**
 * Runs `program` with `args` and resolves when it has ended, whatever its exit status. `environment` is added to
 * the little that the child gets: nothing of ours leaks in, so no SQUEUE_* or SLURM_* variable changes the output.
 * Rejects with code SLURM when it cannot be started, takes too long (its process group is killed), is killed by a
 * signal, or writes more than `maxOutputBytes`.
 */
export function runCommand(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  options: CommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const path = options.binDirectory === null ? program : join(options.binDirectory, program);
    const child = spawn(path, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: childEnvironment(environment, options.slurmConf),
      // A group of its own: sites wrap Slurm's commands in scripts, and a time-out must end those whole.
      detached: true,
    });
    // A command that ends before it has read all is judged by its end.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    const output = new BoundedOutput(maxOutputBytes);
    const errors = new BoundedOutput(maxErrorBytes);
    const fail = (sentence: string, cause?: unknown) => {
      clearTimeout(timer);
      reject(new GleanerError("SLURM", sentence, { cause }));
    };
    /** Once only: when the group has ended, its number may be another's. */
    const kill = (sentence: string) => {
      child.removeAllListeners("close");
      child.stdout.removeAllListeners("data").destroy();
      child.stderr.destroy();
      killGroup(child.pid);
      fail(sentence);
    };
    const timer = setTimeout(
      () =>
        kill(
          `${program} did not answer within ${options.timeoutMs} ms and was killed: see whether slurmctld is up (scontrol ping) or overloaded (sdiag).`,
        ),
      options.timeoutMs,
    );
    child.stdout.on("data", (chunk: Buffer) => {
      if (!output.add(chunk))
        kill(`${program} wrote more than ${maxOutputBytes} bytes and was killed.`);
    });
    child.stderr.on("data", (chunk: Buffer) => errors.add(chunk));
    child.on("error", (cause) =>
      fail(
        `Cannot run ${path} (${messageOf(cause)}): install Slurm's commands or set slurm.binDirectory.`,
        cause,
      ),
    );
    child.on("close", (exitCode, signal) => {
      clearTimeout(timer);
      if (exitCode === null) return fail(`${program} was killed by ${signal}: try it by hand.`);
      const stdout = output.all();
      const complaint = firstLine(errors.all()) || firstLine(stdout);
      resolve({ exitCode, stdout, complaint });
    });
  });
}

/** UTC, so that no local time is ambiguous; the C locale, so that words are the ones we know. */
function childEnvironment(
  added: Readonly<Record<string, string>>,
  slurmConf: string | null,
): Record<string, string> {
  const conf = slurmConf ?? process.env.SLURM_CONF;
  return {
    PATH: process.env.PATH ?? "/usr/bin:/bin",
    LC_ALL: "C",
    TZ: "UTC",
    ...(conf === undefined ? {} : { SLURM_CONF: conf }),
    ...added,
  };
}

/** Chunks up to a limit; what comes after it is dropped. */
class BoundedOutput {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  constructor(private readonly maxBytes: number) {}

  /** false: the limit is passed. */
  add(chunk: Buffer): boolean {
    this.size += chunk.length;
    const fits = this.size <= this.maxBytes;
    if (fits) this.chunks.push(chunk);
    return fits;
  }

  all(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

function firstLine(bytes: Buffer): string {
  const text = bytes.toString("utf8", 0, maxComplaintLength * 4).trimStart();
  return text.split("\n", 1)[0]!.trim().slice(0, maxComplaintLength);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}
