// An executor inside a job of Slurm's: its launch comes sealed, its budget is the job's allocation, and Slurm itself evicts it.

import { spawn } from "node:child_process";
import { GleanerError } from "../../model/errors.js";
import type { Resources } from "../../model/resources.js";

/** As src/launch/seal.ts writes it. */
const purpose = "gleaner-pilot\n";
const unmungeTimeoutMs = 10_000;
const maxOutputBytes = 2 * 1024 * 1024;
/** What this process needs of the job's memory; core/capacity/pilots.ts asks Slurm for as much more. */
const ownMemoryMb = 128;

/** The job that this process is, as Slurm describes it in the environment. */
export interface PilotJob {
  readonly id: number;
  /** What functions may use of it. */
  readonly budget: Resources;
}

/** Throws LAUNCH where Slurm's variables are missing or make no sense: then this is no job. */
export function readPilotJob(environment: NodeJS.ProcessEnv): PilotJob {
  const id = readCount(environment.SLURM_JOB_ID);
  const cores = readCount(environment.SLURM_CPUS_ON_NODE);
  const memoryMb = readCount(environment.SLURM_MEM_PER_NODE);
  if (id === null || cores === null || memoryMb === null || memoryMb <= ownMemoryMb)
    throw new GleanerError(
      "LAUNCH",
      "a sealed launch is for a pilot job, and Slurm's SLURM_JOB_ID, SLURM_CPUS_ON_NODE and SLURM_MEM_PER_NODE say of none that has memory: let gleanerd start it",
    );
  return { id, budget: { cores, memoryMb: memoryMb - ownMemoryMb, gpus: [] } };
}

function readCount(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
}

/** The line of JSON inside; rejects with LAUNCH when munge refuses it, or when somebody else than we ourselves sealed it. */
export async function unseal(sealed: string, mungeSocket: string | null): Promise<string> {
  const output = await runUnmunge(sealed, mungeSocket);
  const end = output.indexOf("\n\n");
  const head = output.slice(0, Math.max(0, end)).split("\n");
  const fieldOf = (name: string) =>
    head
      .find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? "";
  const status = fieldOf("STATUS");
  if (status !== "Success (0)")
    throw new GleanerError(
      "LAUNCH",
      `munge cannot open the launch (${status || "no answer"}): is munged up on this node, and its clock right?`,
    );
  const uid = /\((\d+)\)$/.exec(fieldOf("UID"))?.[1];
  const payload = output.slice(end + 2);
  if (uid !== String(process.geteuid!()) || !payload.startsWith(purpose))
    throw new GleanerError("LAUNCH", "the launch was sealed by somebody else: it is not obeyed");
  return payload.slice(purpose.length);
}

function runUnmunge(sealed: string, mungeSocket: string | null): Promise<string> {
  const args = ["--keys=STATUS,UID", ...(mungeSocket === null ? [] : [`--socket=${mungeSocket}`])];
  return new Promise((resolve, reject) => {
    const child = spawn("unmunge", args, {
      timeout: unmungeTimeoutMs,
      killSignal: "SIGKILL",
      stdio: ["pipe", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.length > maxOutputBytes) child.kill("SIGKILL");
    });
    child.on("error", (cause) =>
      reject(new GleanerError("LAUNCH", `unmunge cannot be run: ${cause.message}`, { cause })),
    );
    child.on("close", () => resolve(output));
    child.stdin.on("error", () => {});
    child.stdin.end(sealed);
  });
}
