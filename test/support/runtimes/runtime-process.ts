// A runtime as its executor runs it: a process with one end of a socket as descriptor 3.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  type CallEnd,
  type CallOrder,
  WorkerChannel,
  type WorkerLog,
} from "../../../src/workers/worker-channel.js";
import type { WorkerFailure } from "../../../src/workers/worker-failure.js";
import type { LoadEnd, LoadOrder } from "../../../src/workers/worker-link.js";
import type { ProcessEnd } from "./worker-end.js";

const folders: string[] = [];
const running = new Set<ChildProcess>();
const sockets = new Set<Socket>();

/** A bundle's folder with these files; a text that begins with #! is executable. */
export function bundleOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-bundle-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
  }
  return folder;
}

export interface RuntimeProcess {
  readonly channel: WorkerChannel;
  readonly child: ChildProcess;
  readonly logs: WorkerLog[];
  readonly closed: Promise<WorkerFailure>;
  readonly exit: Promise<ProcessEnd>;
  /** What its descriptors 1 and 2 got. */
  readonly output: { stdout: string; stderr: string };
  load(order: Partial<LoadOrder> & { readonly directory: string }): Promise<LoadEnd>;
  call(order?: Partial<CallOrder>): Promise<CallEnd>;
  /** A call of JSON and the value that it returns; throws what else it ends with. */
  json(input: unknown): Promise<unknown>;
  /** What a call printed, on both streams. */
  logOf(callId: number | null): string;
}

export type Command = readonly [string, ...string[]];

/** A process with a socket, whoever speaks over it. */
export interface Started {
  readonly child: ChildProcess;
  readonly socket: Socket;
  readonly exit: Promise<ProcessEnd>;
  readonly output: { stdout: string; stderr: string };
}

export function startProcess([program, ...args]: Command): Started {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe", "pipe"] });
  running.add(child);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]!.on("data", (text) => {
      output[name] += String(text);
    });
  // Its output is complete then.
  const exit = once(child, "close").then(([exitCode, signal]) => {
    running.delete(child);
    return { exitCode: exitCode ?? 0, signal: signal === null ? 0 : signalNumber(signal) };
  });
  return { child, socket: child.stdio[3] as Socket, exit, output };
}

export const startRuntime = (command: Command): RuntimeProcess => {
  const started = startProcess(command);
  return runtimeOver(started.socket, started);
};

/** A worker behind a socket, which is not that of its process if it was forked. */
export function runtimeOver(socket: Socket, { child, exit, output }: Started): RuntimeProcess {
  sockets.add(socket);
  const logs: WorkerLog[] = [];
  let onClosed: (failure: WorkerFailure) => void = () => {};
  const closed = new Promise<WorkerFailure>((resolve) => {
    onClosed = resolve;
  });
  const events = { onLog: (log: WorkerLog) => logs.push(log), onClosed };
  // Tests name their calls by their ids: 1, 2 and so on.
  const channel = new WorkerChannel(socket, events, 1);
  const call = (order: Partial<CallOrder> = {}) =>
    channel.call({
      deadlineMs: 0,
      attempt: 1,
      contentType: "application/json",
      name: "1",
      input: Buffer.from("null"),
      ...order,
    }).end;
  return {
    channel,
    child,
    logs,
    closed,
    exit,
    output,
    load: (order) =>
      channel.load({
        concurrency: 1,
        outputLimitBytes: 64 * 1024 * 1024,
        logLimitBytes: 1024 * 1024,
        ...order,
      }),
    call,
    json: async (input) => {
      const end = await call({ input: Buffer.from(JSON.stringify(input)) });
      if (end.kind === "returned") return JSON.parse(String(end.output));
      throw end.kind === "failed" ? new Error(end.error.message) : end.failure;
    },
    logOf: (callId) =>
      logs
        .filter((log) => log.callId === callId)
        .map(({ bytes }) => bytes.toString())
        .join(""),
  };
}

/** Starts a runtime and loads these files. */
export async function loadedRuntime(
  command: Command,
  files: Readonly<Record<string, string>>,
  more: Partial<LoadOrder> = {},
): Promise<RuntimeProcess> {
  const runtime = startRuntime(command);
  const end = await runtime.load({ directory: bundleOf(files), ...more });
  if (end.kind !== "loaded") throw new Error(`not loaded: ${JSON.stringify(end)}`);
  return runtime;
}

/** Ends what tests have left. */
export async function stopRuntimes(): Promise<void> {
  // Workers that were forked end with their connections, and hold the output of their parents.
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  const ends = [...running].map((child) => {
    child.kill("SIGKILL");
    return once(child, "close");
  });
  await Promise.all(ends);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
}

const signalNumber = (name: NodeJS.Signals): number => constants.signals[name];
