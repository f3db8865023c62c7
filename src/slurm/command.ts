// Runs a Slurm command without a shell, with its own environment and limits on time and output.

import { join } from "node:path";
import { complaintOf, whatToCheckIfSilent } from "../core/explain/slurm-complaints.js";
import { GleanerError } from "../model/errors.js";
import { asBuffer, type RunProgram } from "../processes/run.js";

export interface CommandOptions {
  readonly slurmConf: string | null;
  /** The folder of the Slurm commands; if null, they are found in PATH. */
  readonly binDirectory: string | null;
  readonly timeoutMs: number;
  /** Standard input; empty if omitted. */
  readonly input?: string;
  readonly runProgram: RunProgram;
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
export async function runCommand(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  options: CommandOptions,
): Promise<CommandResult> {
  const { binDirectory, slurmConf, timeoutMs, input = "", runProgram } = options;
  const path = binDirectory === null ? program : join(binDirectory, program);
  const end = await runProgram({
    program: path,
    args,
    environment: childEnvironment(environment, slurmConf),
    input,
    timeoutMs,
    maxOutputBytes,
    maxErrorBytes,
  });
  switch (end.how) {
    case "exited": {
      const stdout = asBuffer(end.stdout);
      const complaint = complaintIn(asBuffer(end.stderr)) || complaintIn(stdout);
      return { exitCode: end.exitCode, stdout, complaint };
    }
    case "late":
      throw failure(
        `${program} did not answer within ${timeoutMs} ms and was killed: ${whatToCheckIfSilent}`,
      );
    case "tooMuch":
      throw failure(
        `${program} wrote more than ${maxOutputBytes} bytes and was killed: run it by hand to see what it prints`,
      );
    case "killed":
      throw failure(`${program} was killed by ${end.signal}: run it by hand`);
    case "notStarted":
      throw failure(
        `cannot run ${path} (${end.reason}): ${end.advice ?? "install Slurm's commands or set slurm.binDirectory"}`,
      );
  }
}

const failure = (sentence: string) => new GleanerError("SLURM", sentence);

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

const complaintIn = (bytes: Buffer): string =>
  complaintOf(bytes.toString("utf8", 0, maxQuotedBytes));
