// Runs a Slurm or munge program for a launcher: no shell, its own environment, bounded time and
// output.

import { complaintOf } from "../core/explain/slurm-complaints.js";
import { GleanerError } from "../model/errors.js";
import { asBuffer, type RunProgram } from "../processes/run.js";

/** Enough for the sealed launch of a node with many jobs; Slurm's answers are short. */
const maxOutputBytes = 2 * 1024 * 1024;
const maxErrorBytes = 4_096;

export interface RunOptions {
  /** The program's environment, in addition to PATH and the locale. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly runProgram: RunProgram;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** The line of its standard error that names the cause. */
  readonly complaint: string;
}

/**
 * Resolves when the program ends, whatever its status; rejects with LAUNCH if it cannot run or is
 * late.
 */
export async function run(
  program: string,
  args: readonly string[],
  input: string,
  { environment, timeoutMs, runProgram }: RunOptions,
): Promise<RunResult> {
  const PATH = process.env.PATH ?? "/usr/bin:/bin";
  const end = await runProgram({
    program,
    args,
    environment: { PATH, LC_ALL: "C", TZ: "UTC", ...environment },
    input,
    timeoutMs,
    maxOutputBytes,
    maxErrorBytes,
  });
  switch (end.how) {
    case "exited":
      return {
        exitCode: end.exitCode,
        stdout: asBuffer(end.stdout).toString("utf8"),
        complaint: complaintOf(asBuffer(end.stderr).toString("utf8")),
      };
    case "late":
      throw failure(`${program} did not answer within ${timeoutMs} ms`);
    case "tooMuch":
      throw failure(`${program} wrote more than ${maxOutputBytes} bytes`);
    case "killed":
      throw failure(`${program} was killed by ${end.signal}`);
    case "notStarted":
      throw failure(
        `${program} cannot be run (${end.reason}): ${end.advice ?? "check that it is installed"}`,
      );
  }
}

const failure = (sentence: string) => new GleanerError("LAUNCH", sentence);
