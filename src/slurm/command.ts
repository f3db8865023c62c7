// Runs a Slurm command without a shell, with its own environment and limits on time and output.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { complaintOf, whatToCheckIfSilent } from "../core/explain/slurm-complaints.js";
import { errorCodeOf, GleanerError, messageOf } from "../model/errors.js";

export interface CommandOptions {
  readonly slurmConf: string | null;
  /** The folder of the Slurm commands; if null, they are found in PATH. */
  readonly binDirectory: string | null;
  readonly timeoutMs: number;
  /** Standard input; empty if omitted. */
  readonly input?: string;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  /** The line of its standard error or, if empty, of its standard output that names the cause. */
  readonly complaint: string;
}

/** Protects memory: 10,000 nodes take 5 MB and 50,000 jobs 10 MB. */
export const maxOutputBytes = 256 * 1024 * 1024;
/** Enough for the line that messages quote. */
const maxErrorBytes = 64 * 1024;
/** Its beginning, of standard output also: a list is long. */
const maxQuotedBytes = 4_096;

/**
 * Runs `program` with `args` and resolves when it ends, whatever its exit status. The child gets a
 * minimal environment plus `environment`, so that no SQUEUE_* or SLURM_* variable changes its
 * output. Rejects with SLURM if it cannot be started, exceeds its time (its process group is
 * killed), is killed by a signal, or writes more than `maxOutputBytes`.
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
      // Its own process group, so that a time-out also ends scripts that wrap Slurm's commands.
      detached: true,
    });
    // The exit status decides about a command that ends before it has read its input.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    const output = new BoundedOutput(maxOutputBytes);
    const errors = new BoundedOutput(maxErrorBytes);
    const fail = (sentence: string, cause?: unknown) => {
      clearTimeout(timer);
      reject(new GleanerError("SLURM", sentence, { cause }));
    };
    /** Kills only once, since the number of an ended group may be reused. */
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
          `${program} did not answer within ${options.timeoutMs} ms and was killed: ${whatToCheckIfSilent}`,
        ),
      options.timeoutMs,
    );
    child.stdout.on("data", (chunk: Buffer) => {
      if (!output.add(chunk))
        kill(
          `${program} wrote more than ${maxOutputBytes} bytes and was killed: run it by hand to see what it prints`,
        );
    });
    child.stderr.on("data", (chunk: Buffer) => errors.add(chunk));
    child.on("error", (cause) =>
      fail(
        `cannot run ${path} (${messageOf(cause)}): install Slurm's commands or set slurm.binDirectory`,
        cause,
      ),
    );
    child.on("close", (exitCode, signal) => {
      clearTimeout(timer);
      if (exitCode === null) return fail(`${program} was killed by ${signal}: run it by hand`);
      const stdout = output.all();
      const complaint = complaintIn(errors.all()) || complaintIn(stdout);
      resolve({ exitCode, stdout, complaint });
    });
  });
}

/** UTC, in which no time is ambiguous, and the C locale for known words. */
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

/** Collects chunks up to a limit and drops the rest. */
class BoundedOutput {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  constructor(private readonly maxBytes: number) {}

  /** Returns false above the limit. */
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

const complaintIn = (bytes: Buffer): string =>
  complaintOf(bytes.toString("utf8", 0, maxQuotedBytes));

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (thrown) {
    if (errorCodeOf(thrown) !== "ESRCH") throw thrown;
  }
}
