// One daemon of a cluster, kept in the foreground as a child in its own session, so that its end is
// noticed at once.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { GleanerError } from "../../../src/model/errors.js";
import { findProgram, programPath } from "../programs.js";

/**
 * A daemon that has not ended this long after SIGTERM is killed: slurmctld saves its state first.
 */
const TERMINATE_GRACE_MS = 20_000;
/** How many lines of a log an error quotes: the cause is among the last few. */
const QUOTED_LINES = 12;

export interface Daemon {
  name: string;
  process: ChildProcess;
  logPath: string;
}

export interface DaemonInput {
  /** Its name in errors, such as "n3". */
  name: string;
  program: string;
  args: string[];
  logPath: string;
  slurmConf: string;
}

/**
 * Starts the daemon and returns at once. Its output goes to `LOG.out`, beside its log. It gets
 * almost nothing of our environment, so that the cluster behaves the same whoever starts it. Throws
 * if the program is not installed.
 */
export function startDaemon(input: DaemonInput): Daemon {
  const output = openSync(`${input.logPath}.out`, "a");
  try {
    const child = spawn(findProgram(input.program), input.args, {
      cwd: "/",
      detached: true, // Ctrl-C in a terminal must not reach it: we decide the order of stopping
      env: { PATH: programPath, SLURM_CONF: input.slurmConf, TZ: process.env.TZ },
      stdio: ["ignore", output, output],
    });
    child.once("error", () => {}); // such a child has no pid, which assertAlive reports
    child.unref();
    return { name: input.name, process: child, logPath: input.logPath };
  } finally {
    closeSync(output);
  }
}

/** The pid of the daemon while it runs. */
export function pidOf(daemon: Daemon | undefined): number | undefined {
  if (daemon === undefined) return undefined;
  const { exitCode, signalCode, pid } = daemon.process;
  return exitCode === null && signalCode === null ? pid : undefined;
}

/** Throws a GleanerError that quotes the log if the daemon has ended. */
export function assertAlive(daemon: Daemon): void {
  if (pidOf(daemon) !== undefined) return;
  const { exitCode, signalCode } = daemon.process;
  throw new GleanerError(
    "SLURM",
    `${daemon.name} ended with ${signalCode ?? `exit status ${exitCode}`} while starting.${quoteLog(daemon)}`,
  );
}

/** Ends the daemon with SIGTERM, or SIGKILL if that does not help; returns when it is gone. */
export async function terminate(daemon: Daemon): Promise<void> {
  if (pidOf(daemon) === undefined) return;
  const child = daemon.process;
  child.ref();
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), TERMINATE_GRACE_MS);
  await gone;
  clearTimeout(killer);
}

/** The last lines that the daemon logged and printed, headed by the file's name; for errors. */
export function quoteLog(daemon: Daemon): string {
  for (const path of [daemon.logPath, `${daemon.logPath}.out`]) {
    const lines = readTail(path);
    if (lines.length > 0) return `\nThe end of ${path}:\n${lines.join("\n")}`;
  }
  return "";
}

function readTail(path: string): string[] {
  try {
    const lines = readFileSync(path, "utf8").split("\n");
    return lines.filter((line) => line !== "").slice(-QUOTED_LINES);
  } catch {
    return []; // it never wrote one
  }
}
