// Serves the node hook on its unix socket: one line in, one line out, each connection limited in
// time and bytes.

import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { monotonicMs } from "../../clock.js";
import type { ExecutorId, JobId } from "../../model/ids.js";
import { type HookLine, maxHookLineBytes, parseHookLine } from "./lines.js";

/** Concurrent prologs and epilogs of one node; more than Slurm ever starts there. */
const maxConnections = 256;
/** The hook writes its line as soon as it is connected. */
const lineMs = 2_000;
/** How long a hook has to read its answer when the executor leaves. */
const closeMs = 500;

export type BeginLine = Extract<HookLine, { kind: "begin" }>;

export interface HookHandlers {
  /** Resolves with the number of evicted attempts once the job's resources are free. */
  begin(line: BeginLine): Promise<number>;
  end(job: JobId): void;
}

export interface HookServer {
  /** Stops listening, and lets connected hooks receive their answers. */
  close(): Promise<void>;
}

/**
 * Resolves once the socket listens. Replaces the socket of a dead executor: the caller holds the
 * claim to the folder.
 */
export async function serveHook(
  path: string,
  executor: ExecutorId,
  handlers: HookHandlers,
): Promise<HookServer> {
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    serveOne(socket, executor, handlers);
  });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return { close: () => closeServer(server, open) };
}

function serveOne(socket: Socket, executor: ExecutorId, handlers: HookHandlers): void {
  let text = "";
  socket.setEncoding("latin1");
  socket.on("error", () => socket.destroy());
  const late = setTimeout(() => socket.destroy(), lineMs);
  socket.on("close", () => clearTimeout(late));
  const onData = (piece: string) => {
    text += piece;
    const end = text.indexOf("\n");
    if (end < 0 && text.length < maxHookLineBytes) return;
    socket.off("data", onData);
    clearTimeout(late);
    const line = end < 0 || end >= maxHookLineBytes ? null : parseHookLine(text.slice(0, end));
    if (line === null) socket.destroy();
    else void answer(socket, line, executor, handlers);
  };
  socket.on("data", onData);
}

async function answer(
  socket: Socket,
  line: HookLine,
  executor: ExecutorId,
  handlers: HookHandlers,
): Promise<void> {
  switch (line.kind) {
    case "probe":
      socket.end(`here ${executor}\n`);
      break;
    case "end":
      handlers.end(line.job);
      socket.end("ok\n");
      break;
    case "begin": {
      const startedMs = monotonicMs();
      const evicted = await handlers.begin(line);
      socket.end(`freed ${evicted} ${monotonicMs() - startedMs}\n`);
    }
  }
}

async function closeServer(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  await new Promise<void>((resolve) => {
    const late = setTimeout(() => {
      for (const socket of open) socket.destroy();
    }, closeMs);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
  });
}
