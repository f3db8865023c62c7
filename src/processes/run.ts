// Runs a program of the system to its end: no shell, bounded time and output.

import { type ChildProcess, spawn } from "node:child_process";
import { errorCodeOf, messageOf } from "../model/errors.js";
import { findProgram } from "./find-program.js";

export interface ProgramRun {
  /** A path, or a name that is found in PATH, where aliases of Slurm's names do not count. */
  readonly program: string;
  readonly args: readonly string[];
  /** All of its environment; null for that of this process. */
  readonly environment: Readonly<Record<string, string>> | null;
  readonly input: string;
  /** After that, its process group is killed. */
  readonly timeoutMs: number;
  /** Above that, its process group is killed. */
  readonly maxOutputBytes: number;
  /** What its standard error has beyond that is dropped. */
  readonly maxErrorBytes: number;
}

/** How it ended; `late` and `tooMuch` are the limits above. */
export type ProgramEnd =
  | {
      readonly how: "exited";
      readonly exitCode: number;
      readonly stdout: Uint8Array;
      readonly stderr: Uint8Array;
    }
  | { readonly how: "killed"; readonly signal: string }
  | { readonly how: "late" }
  | { readonly how: "tooMuch" }
  | {
      readonly how: "notStarted";
      readonly reason: string;
      /** What to do about it, if gleanerd or its machine has run out of something. */
      readonly advice: string | null;
    };

/** Output that came from another process is a plain array of bytes. */
export const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** Never rejects. */
export type RunProgram = (run: ProgramRun) => Promise<ProgramEnd>;

const advices: Readonly<Record<string, string>> = {
  EMFILE: "raise LimitNOFILE of gleanerd's unit",
  ENFILE: "raise fs.file-max of gleanerd's machine",
  EAGAIN: "raise TasksMax of gleanerd's unit, or end processes of its user",
  ENOMEM: "raise MemoryMax of gleanerd's unit, or free memory of its machine",
};

export const notStarted = (cause: unknown): ProgramEnd => ({
  how: "notStarted",
  reason: messageOf(cause),
  advice: advices[errorCodeOf(cause) ?? ""] ?? null,
});

function start({ program, args, environment }: ProgramRun): ChildProcess {
  return spawn(findProgram(program, (environment ?? process.env).PATH), args, {
    argv0: program,
    stdio: ["pipe", "pipe", "pipe"],
    ...(environment === null ? {} : { env: environment }),
    // Its own process group, so that a time-out also ends scripts that wrap Slurm's commands.
    detached: true,
  });
}

/** Runs it as a child of this process. */
export const runAsChild: RunProgram = (run) =>
  new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = start(run);
    } catch (thrown) {
      // Without memory, or for a file that is no program, spawn throws.
      return resolve(notStarted(thrown));
    }
    if (!child.stdin || !child.stdout || !child.stderr) {
      // There are no descriptors for them.
      child.once("error", (cause) => resolve(notStarted(cause)));
      return;
    }
    const { stdout, stderr } = child;
    // The exit status decides about a program that ends before it has read its input.
    child.stdin.on("error", () => {});
    child.stdin.end(run.input);
    const output = new BoundedOutput(run.maxOutputBytes);
    const errors = new BoundedOutput(run.maxErrorBytes);
    /** Kills only once, since the number of an ended group may be reused. */
    const kill = (how: "late" | "tooMuch") => {
      child.removeAllListeners("close");
      stdout.removeAllListeners("data").destroy();
      stderr.destroy();
      killGroup(child.pid);
      clearTimeout(timer);
      resolve({ how });
    };
    const timer = setTimeout(() => kill("late"), run.timeoutMs);
    stdout.on("data", (chunk: Buffer) => {
      if (!output.add(chunk)) kill("tooMuch");
    });
    stderr.on("data", (chunk: Buffer) => errors.add(chunk));
    child.on("error", (cause) => {
      clearTimeout(timer);
      resolve(notStarted(cause));
    });
    child.on("close", (exitCode, signal) => {
      clearTimeout(timer);
      resolve(
        exitCode === null
          ? { how: "killed", signal: signal! }
          : { how: "exited", exitCode, stdout: output.all(), stderr: errors.all() },
      );
    });
  });

/** Collects chunks up to a limit and drops the rest. */
class BoundedOutput {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  constructor(private readonly maxBytes: number) {}

  /** Returns false above the limit. */
  add(chunk: Buffer): boolean {
    const fits = this.size + chunk.length <= this.maxBytes;
    this.chunks.push(fits ? chunk : chunk.subarray(0, this.maxBytes - this.size));
    this.size = Math.min(this.size + chunk.length, this.maxBytes);
    return fits;
  }

  all(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (thrown) {
    if (errorCodeOf(thrown) !== "ESRCH") throw thrown;
  }
}
