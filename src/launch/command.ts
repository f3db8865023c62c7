// Runs a Slurm or munge program for a launcher: no shell, its own environment, bounded time and
// output.

import { spawn } from "node:child_process";
import { complaintOf } from "../core/explain/slurm-complaints.js";
import { GleanerError } from "../model/errors.js";

/** Enough for the sealed launch of a node with many jobs; Slurm's answers are short. */
const maxOutputBytes = 2 * 1024 * 1024;
const maxErrorBytes = 4_096;

export interface RunOptions {
  /** The program's environment, in addition to PATH and the locale. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
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
export function run(
  program: string,
  args: readonly string[],
  input: string,
  { environment, timeoutMs }: RunOptions,
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const PATH = process.env.PATH ?? "/usr/bin:/bin";
    const child = spawn(program, args, {
      env: { PATH, LC_ALL: "C", TZ: "UTC", ...environment },
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      stdio: "pipe",
    });
    let stdout = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (stdout.length > maxOutputBytes) child.kill("SIGKILL");
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(0, maxErrorBytes);
    });
    const fail = (what: string, cause?: unknown) =>
      reject(new GleanerError("LAUNCH", `${program} ${what}`, { cause }));
    child.on("error", (cause) =>
      fail(`cannot be run (${cause.message}): check that it is installed`, cause),
    );
    child.on("close", (exitCode, signal) => {
      if (exitCode === null) fail(`did not answer within ${timeoutMs} ms (${signal})`);
      else resolve({ exitCode, stdout, complaint: complaintOf(errors) });
    });
    // A program that ends before it has read its input prints the reason.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
