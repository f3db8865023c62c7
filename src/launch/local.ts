// Starts executors on the daemon's own machine, for tests, demos and sites with one node.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import type { Launcher } from "../core/ports/launcher.js";
import { errorCodeOf, GleanerError, messageOf } from "../model/errors.js";
import type { ExecutorId, NodeName } from "../model/ids.js";
import { executorPath, noDebugger, requireNodeName } from "./names.js";
import {
  executorLogFile,
  isRunning,
  maxMarkBytes,
  type ProcessMark,
  parseProcessMark,
  processMarkFile,
  startTicksOf,
} from "./process-mark.js";

export interface LocalLauncherOptions {
  /** The Node program and the bundled executor. */
  readonly node: string;
  readonly executorProgram: string;
  readonly runDirectory: string;
  /** Must exist; the executor of each node appends to its own file there. */
  readonly logDirectory: string;
}

/**
 * Creates a launcher for this machine. An executor gets its own session and outlives the daemon.
 * `launch` rejects with LAUNCH if the program or the log cannot be opened.
 */
export function createLocalLauncher(options: LocalLauncherOptions): Launcher {
  /** Running processes that this daemon started. */
  const started = new Map<ExecutorId, ProcessMark>();
  return {
    placement: "direct",

    async launch(node, _address, executor, input) {
      requireNodeName(node);
      const child = await start(options, node, input);
      const startTicks = startTicksOf((await readStart(`/proc/${child.pid}/stat`)) ?? "");
      if (startTicks === null || child.exitCode !== null || child.signalCode !== null) return;
      started.set(executor, { pid: child.pid!, startTicks, executor });
      child.once("exit", () => started.delete(executor));
    },

    async probe(node, _address, executor) {
      requireNodeName(node);
      try {
        const mark = started.get(executor) ?? (await readMark(options.runDirectory, node));
        if (mark === null) return "gone";
        const stat = await readStart(`/proc/${mark.pid}/stat`);
        return stat !== null && isRunning(mark, executor, stat) ? "running" : "gone";
      } catch {
        return "unknown";
      }
    },

    async close() {
      started.clear();
    },
  };
}

async function start(options: LocalLauncherOptions, node: NodeName, input: string) {
  const logFile = executorLogFile(options.logDirectory, node);
  let log: FileHandle | undefined;
  try {
    log = await open(logFile, "a", 0o600);
    const child = spawnPrivately(options, log.fd);
    await once(child, "spawn"); // rejects with the child's error
    // An executor that dies before it has read its input logs the reason and never becomes ready.
    child.stdin!.on("error", () => {});
    child.stdin!.end(input);
    child.unref();
    return child;
  } catch (cause) {
    throw new GleanerError(
      "LAUNCH",
      `cannot start the executor of ${node} (${messageOf(cause)}): check ${options.node}, ${options.executorProgram} and ${logFile}`,
      { cause },
    );
  } finally {
    await log?.close();
  }
}

function spawnPrivately(options: LocalLauncherOptions, logDescriptor: number) {
  // The child inherits the mask; nothing else does, since spawn is synchronous.
  const mask = process.umask(0o077);
  try {
    return spawn(options.node, [options.executorProgram], {
      cwd: "/",
      env: { PATH: executorPath, NODE_OPTIONS: noDebugger },
      detached: true,
      stdio: ["pipe", logDescriptor, logDescriptor],
    });
  } finally {
    process.umask(mask);
  }
}

/** null if no executor of the node has left a mark. */
async function readMark(runDirectory: string, node: NodeName): Promise<ProcessMark | null> {
  const text = await readStart(processMarkFile(runDirectory, node));
  return text === null ? null : parseProcessMark(text);
}

/** Reads the first maxMarkBytes of a file; null if it does not exist. */
async function readStart(path: string): Promise<string | null> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxMarkBytes), 0, maxMarkBytes, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } catch (thrown) {
    const code = errorCodeOf(thrown);
    if (code === "ENOENT" || code === "ESRCH") return null;
    throw thrown;
  } finally {
    await file?.close();
  }
}
