// Accepts several connections in each turn of the event loop, so that a client does not wait for a
// turn of every stranger whose connection came before.

import { type ChildProcess, type SendHandle, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import type { Logger } from "pino";
import { messageOf } from "../../../model/errors.js";

/**
 * How many more connections a turn accepts. libuv accepts one for each listening handle in a turn,
 * and the turns of a busy gleanerd take milliseconds.
 */
const moreHandles = 7;

/**
 * Node cannot duplicate a handle: another process that gets it and sends it back does. It listens
 * until gleanerd disconnects, since one that does not ends before all are sent.
 */
const sendBack = `process.on("message", (message, handle) => {
  for (let sent = 0; sent < ${moreHandles}; sent++) process.send(message, handle);
});`;

export class Acceptors {
  private readonly servers: Server[] = [];
  private readonly helper: ChildProcess;
  private isClosed = false;

  /** Starts the helper, which takes longer than gleanerd wants to wait once it listens. */
  constructor(
    private readonly log: Logger,
    program = process.execPath,
  ) {
    this.helper = spawn(program, [...process.execArgv, "-e", sendBack], {
      env: {},
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.helper.on("error", (cause) => this.gaveUp(cause));
    // It keeps no gleanerd running that could not start.
    this.helper.unref();
    this.helper.channel?.unref();
  }

  /**
   * Accepts connections for `server`, which listens. Until the helper has answered, and if it
   * cannot, the server accepts one connection in each turn.
   */
  serve(server: Server, backlog: number): void {
    // Node's documentation names this member where it says what listen() takes.
    const { _handle: handle } = server as unknown as { readonly _handle: SendHandle };
    this.helper.on("message", (_message, duplicate) => {
      if (this.isClosed) return;
      this.servers.push(listenOn(duplicate, backlog, server));
      if (this.servers.length === moreHandles) this.helper.disconnect();
    });
    this.helper.send("duplicate", handle, {}, (cause) => {
      if (cause !== null) this.gaveUp(cause);
    });
  }

  /** Accepts no more connections; resolves when those that were accepted have ended. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.helper.connected) this.helper.disconnect();
    await Promise.all(
      this.servers.map((each) => {
        const closed = once(each, "close");
        each.close();
        return closed;
      }),
    );
  }

  private gaveUp(cause: unknown): void {
    this.log.warn(
      { cause: messageOf(cause) },
      "gleanerd accepts connections one by one: the process that would help it did not start",
    );
  }
}

function listenOn(handle: unknown, backlog: number, server: Server): Server {
  // As node's own servers of HTTP are made.
  const acceptor = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    server.emit("connection", socket),
  );
  acceptor.maxConnections = server.maxConnections;
  return acceptor.listen(handle, backlog);
}
