// Runs one program for a cluster's user: verbatim arguments, no shell, a time limit, output in
// memory.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { GleanerError } from "../../src/model/errors.js";
import { afterPatience } from "../lib/patience.mjs";
import type { ClusterFolder } from "./folder.js";
import { programPath } from "./programs.js";

/** A slower Slurm command has lost its slurmctld: tests should fail, not hang. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** `scontrol show node` of 10,000 nodes is 5 MB. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** As a shell would have it. */
const SIGPIPE_STATUS = 141;

export interface RunOptions {
  /** For an idle machine; a loaded one gets longer. */
  timeoutMs?: number;
  /** A name from /etc/passwd; only root may name another user. */
  user?: string;
}

export interface RunResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/**
 * Runs a program to its end, whatever its exit status. Throws a GleanerError if it cannot start,
 * takes longer than `timeoutMs` (then it is killed), or is ended by a signal. SIGPIPE counts as a
 * failure like others: Slurm's commands die of it if slurmctld ends while they send a request.
 */
export function runCommand(
  program: string,
  args: string[],
  options: RunOptions & { cwd: string; env: NodeJS.ProcessEnv },
): Promise<RunResult> {
  const account = options.user === undefined ? undefined : findAccount(options.user);
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      {
        cwd: options.cwd,
        env: { ...options.env, ...account?.env },
        ...(account && { uid: account.uid, gid: account.gid }),
        maxBuffer: MAX_OUTPUT_BYTES,
      },
      (cause, stdout, stderr) => {
        clearTimeout(limit);
        const status = cause ? cause.code : 0;
        const exitCode = cause?.signal === "SIGPIPE" ? SIGPIPE_STATUS : status;
        if (typeof exitCode === "number") return resolve({ stdout, stderr, exitCode });
        const why = cause?.killed ? "did not end in time" : (cause?.message ?? "failed");
        const message = `${program} ${args.join(" ")}: ${why} ${stderr}`.trim();
        reject(new GleanerError("SLURM", message, { cause }));
      },
    );
    const limit = afterPatience(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, () =>
      child.kill("SIGKILL"),
    );
    child.stdin?.end();
  });
}

/**
 * Our environment with SLURM_CONF, and without anything that a job or another cluster may have set
 * in it. The TMPDIR of a submitter would become that of the function.
 */
export function clusterEnvironment(folder: ClusterFolder): NodeJS.ProcessEnv {
  const foreign =
    /^(TMPDIR$|(SLURM|SLURMD|SBATCH|SALLOC|SRUN|SQUEUE|SINFO|SACCT|SCANCEL|SCONTROL)_)/;
  const own = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(own), PATH: programPath, SLURM_CONF: folder.slurmConf };
}

export interface Account {
  uid: number;
  gid: number;
  env: NodeJS.ProcessEnv;
}

/** Throws a GleanerError if there is no such user. */
export function findAccount(user: string): Account {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((candidate) => candidate.startsWith(`${user}:`));
  if (line === undefined) {
    throw new GleanerError("NOT_FOUND", `There is no user ${user} in /etc/passwd.`);
  }
  const [, , uid, gid, , home] = line.split(":");
  return { uid: Number(uid), gid: Number(gid), env: { USER: user, LOGNAME: user, HOME: home } };
}
