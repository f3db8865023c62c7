// The way to the daemon: connects, connects again when it is lost, and says when it was away for too long.

import { clearTimeout, setTimeout, type Timer } from "../../clock.js";
import { messageOf } from "../../model/errors.js";
import {
  connectToDaemon,
  type DaemonAddress,
  type ExecutorConnection,
} from "../../wire/handshake.js";
import type { LaunchSpec } from "../../wire/messages.js";
import { Inbox, type Said } from "./inbox.js";

/** A restarted daemon is back within a second or two; all executors of a site do not knock at the same instant. */
const firstPauseMs = 100;
const longestPauseMs = 2_000;

/** What is needed of a connection. */
export type SessionConnection = Pick<ExecutorConnection, "send" | "close" | "listen">;

export const daemonAddressOf = (spec: LaunchSpec): DaemonAddress => ({
  host: spec.daemonHost,
  port: spec.daemonPort,
  executor: spec.executor,
  secret: spec.secret,
  ca: spec.daemonCa,
});

export interface SessionEvents {
  /** Before anything else is said on this connection. */
  onConnected(connection: SessionConnection): void;
  onMessage(message: Said): void;
  onLost(why: string): void;
  /** There was no daemon for `orphanMs`. */
  onOrphaned(): void;
}

export class Session {
  private connection: SessionConnection | null = null;
  private orphaned: Timer | undefined;
  private retry: Timer | undefined;
  private pauseMs = firstPauseMs;
  private isOver = false;

  /** `random` gives numbers from 0 to 1. */
  constructor(
    private readonly address: DaemonAddress,
    private readonly orphanMs: number,
    private readonly random: () => number,
    private readonly events: SessionEvents,
    private readonly connect: (
      address: DaemonAddress,
    ) => Promise<SessionConnection> = connectToDaemon,
  ) {}

  start(): void {
    this.awaitDaemon();
    void this.tryConnect();
  }

  /** What was sent still arrives, if the daemon reads. */
  async close(): Promise<void> {
    this.isOver = true;
    clearTimeout(this.orphaned);
    clearTimeout(this.retry);
    await this.connection?.close();
  }

  private awaitDaemon(): void {
    clearTimeout(this.orphaned);
    this.orphaned = setTimeout(() => this.events.onOrphaned(), this.orphanMs);
  }

  private async tryConnect(): Promise<void> {
    let connection: SessionConnection;
    try {
      connection = await this.connect(this.address);
    } catch (thrown) {
      this.tryLater(messageOf(thrown));
      return;
    }
    if (this.isOver) {
      await connection.close();
      return;
    }
    clearTimeout(this.orphaned);
    this.connection = connection;
    this.events.onConnected(connection);
    const inbox = new Inbox((message) => this.events.onMessage(message));
    connection.listen({
      onMessage: (message) => {
        // A daemon that takes us in says something; one that drops us at once is not asked ever faster.
        this.pauseMs = firstPauseMs;
        inbox.add(message);
      },
      onClose: (error) => {
        inbox.close();
        this.connection = null;
        if (this.isOver) return;
        this.awaitDaemon();
        this.tryLater(error?.message ?? "the daemon closed the connection");
      },
    });
  }

  private tryLater(why: string): void {
    if (this.isOver) return;
    this.events.onLost(why);
    const pauseMs = Math.round(this.pauseMs * (0.5 + this.random() / 2));
    this.pauseMs = Math.min(longestPauseMs, this.pauseMs * 2);
    this.retry = setTimeout(() => void this.tryConnect(), pauseMs);
  }
}
