// An executor inside a Slurm job: its launch is sealed, its budget is the job's allocation, and
// Slurm itself evicts it.

import { spawn } from "node:child_process";
import { GleanerError } from "../../model/errors.js";
import type { Resources } from "../../model/resources.js";
import { readUnmunge, readUnmungeError, rejectionKeys } from "../../wire/munge/unmunge.js";

/** The format that src/launch/seal.ts writes. */
const purpose = "gleaner-pilot\n";
const unmungeTimeoutMs = 10_000;
const maxOutputBytes = 2 * 1024 * 1024;
const maxErrorCharacters = 500;
/**
 * The part of the job's memory that this process needs; core/capacity/pilots.ts requests it from
 * Slurm in addition.
 */
const ownMemoryMb = 128;

/** The job that this process is, as Slurm describes it in the environment. */
export interface PilotJob {
  readonly id: number;
  /** The part of it that functions may use. */
  readonly budget: Resources;
}

/** Throws LAUNCH if Slurm's variables are missing or invalid: then this is not a job. */
export function readPilotJob(environment: NodeJS.ProcessEnv): PilotJob {
  const id = readCount(environment.SLURM_JOB_ID);
  const cores = readCount(environment.SLURM_CPUS_ON_NODE);
  const memoryMb = readCount(environment.SLURM_MEM_PER_NODE);
  if (id === null || cores === null || memoryMb === null || memoryMb <= ownMemoryMb)
    throw new GleanerError(
      "LAUNCH",
      "a sealed launch is for a pilot job, but SLURM_JOB_ID, SLURM_CPUS_ON_NODE and SLURM_MEM_PER_NODE describe no job with memory: let gleanerd start the pilot",
    );
  return { id, budget: { cores, memoryMb: memoryMb - ownMemoryMb, gpus: [] } };
}

function readCount(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
}

/**
 * The line of JSON inside; rejects with LAUNCH if munge rejects it, or if another user sealed it.
 */
export async function unseal(sealed: string, mungeSocket: string | null): Promise<string> {
  const output = await runUnmunge(sealed, mungeSocket);
  const { fieldOf, payload, rejection } = readUnmunge(output);
  if (rejection !== null) throw cannotOpen(rejection);
  const uid = /\((\d+)\)$/.exec(fieldOf("UID"))?.[1];
  if (uid !== String(process.geteuid!()) || !payload.startsWith(purpose))
    throw new GleanerError(
      "LAUNCH",
      "another user sealed the launch: only gleanerd's own user may",
    );
  return payload.slice(purpose.length);
}

const cannotOpen = (reason: string): GleanerError =>
  new GleanerError("LAUNCH", `munge cannot open the launch: ${reason}`);

function runUnmunge(sealed: string, mungeSocket: string | null): Promise<string> {
  const args = [`--keys=${rejectionKeys},UID`];
  if (mungeSocket !== null) args.push(`--socket=${mungeSocket}`);
  return new Promise((resolve, reject) => {
    const child = spawn("unmunge", args, {
      timeout: unmungeTimeoutMs,
      killSignal: "SIGKILL",
      stdio: "pipe",
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.length > maxOutputBytes) child.kill("SIGKILL");
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(0, maxErrorCharacters);
    });
    child.on("error", (cause) =>
      reject(new GleanerError("LAUNCH", `cannot run unmunge: ${cause.message}`, { cause })),
    );
    child.on("close", (exitCode) => {
      if (output.includes("STATUS:")) resolve(output);
      else reject(cannotOpen(readUnmungeError(exitCode, errors).reason));
    });
    child.stdin.on("error", () => {});
    child.stdin.end(sealed);
  });
}
