// Starts the program that accepts connections for the API (daemon/api/acceptor), and takes from it
// those whose requests have begun.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import { clearTimeout, setTimeout } from "../../../clock.js";
import { messageOf } from "../../../model/errors.js";
import { fullAnswer, headTimeoutMs, lateAnswer } from "./refusals.js";

/** One that cannot be started says so this often. */
const restartMs = 5_000;

export class Acceptor {
  private readonly open = new Set<Socket>();
  private helper: ChildProcess | null = null;
  private restart: ReturnType<typeof setTimeout> | null = null;
  private hasClosed: (() => void) | null = null;

  constructor(
    private readonly program: string,
    private readonly log: Logger,
  ) {}

  /**
   * Accepts connections for `server`, which listens. The server itself also accepts one in each
   * turn of the event loop, which is what is left while the program does not run.
   */
  serve(server: Server): void {
    // Node's documentation names this member where it says what listen() takes.
    const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
    let helper: ChildProcess;
    try {
      helper = spawn(this.program, [String(headTimeoutMs), lateAnswer, fullAnswer], {
        env: {},
        cwd: "/",
        stdio: ["ignore", "ignore", "inherit", "ipc", fd],
      });
    } catch (thrown) {
      // Without memory, or for a file that is no program, spawn throws.
      this.startLater(server, messageOf(thrown));
      return;
    }
    this.helper = helper;
    helper.on("message", (_message, socket) => this.accepted(server, socket as Socket | undefined));
    const ended = (how: string) => {
      if (this.helper !== helper) return;
      this.helper = null;
      this.startLater(server, how);
    };
    helper.on("error", (cause) => ended(cause.message));
    helper.on("exit", (code, signal) => ended(signal ?? `exit code ${code}`));
  }

  private startLater(server: Server, how: string): void {
    this.log.warn(
      { program: this.program, how, againInMs: restartMs },
      "the program that accepts connections does not run: gleanerd accepts them one by one meanwhile",
    );
    this.restart = setTimeout(() => this.serve(server), restartMs);
  }

  /** Accepts no more connections; resolves when those that were accepted have ended. */
  async close(): Promise<void> {
    if (this.restart !== null) clearTimeout(this.restart);
    const { helper } = this;
    this.helper = null;
    if (helper?.connected === true) {
      const ended = once(helper, "exit");
      helper.disconnect();
      await ended;
    }
    if (this.open.size > 0)
      await new Promise<void>((resolve) => {
        this.hasClosed = resolve;
      });
  }

  private accepted(server: Server, socket: Socket | undefined): void {
    // The client was gone before the connection was passed on.
    if (socket === undefined) return;
    if (this.open.size >= server.maxConnections) {
      socket.destroy();
      return;
    }
    this.open.add(socket);
    socket.once("close", () => {
      this.open.delete(socket);
      if (this.open.size === 0) this.hasClosed?.();
    });
    // As on node's own servers of HTTP: a client may end its side once it has sent its request.
    socket.allowHalfOpen = true;
    server.emit("connection", socket);
  }
}
