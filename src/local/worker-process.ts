// The process of a local worker: started as on a node, in a session of its own, and killed with all
// its children.

import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { constants } from "node:os";
import { GleanerError } from "../model/errors.js";

export interface ProcessEnd {
  readonly exitCode: number;
  /** 0 if it exited. */
  readonly signal: number;
}

export interface ProcessOrder {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** It reads the user's terminal and writes to it, as descriptors 0 and 4. */
  readonly hasTerminal: boolean;
  /** What it and its children print, apart from what the runtime sends as frames. */
  readonly onOutput: (bytes: Buffer) => void;
}

const protocolDescriptor = 3;

export class WorkerProcess {
  readonly pid: number;
  /** The other end of its protocol, paused. */
  readonly socket: Socket;
  /** Its output is complete then. */
  readonly ended: Promise<ProcessEnd>;

  private constructor(child: ChildProcess, pid: number) {
    this.pid = pid;
    this.socket = child.stdio[protocolDescriptor] as Socket;
    this.ended = new Promise((resolve) => {
      child.once("close", (exitCode, signal) =>
        resolve({
          exitCode: exitCode ?? 0,
          signal: signal === null ? 0 : constants.signals[signal],
        }),
      );
    });
  }

  /** Throws BAD_REQUEST if the program cannot be started. */
  static async start(order: ProcessOrder): Promise<WorkerProcess> {
    const [program = "", ...args] = order.argv;
    const child = spawn(program, args, {
      cwd: order.directory,
      env: order.environment,
      detached: true,
      stdio: order.hasTerminal
        ? ["inherit", "pipe", "pipe", "pipe", process.stderr]
        : ["ignore", "pipe", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", order.onOutput);
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (cause) =>
        reject(
          new GleanerError("BAD_REQUEST", `${program} cannot be started: ${cause.message}`, {
            cause,
          }),
        ),
      );
    });
    return new WorkerProcess(child, child.pid!);
  }

  /** Ends it and the children that stayed in its group. */
  kill(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // All of them have ended.
    }
  }
}
