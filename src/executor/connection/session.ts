// Keeps the connection to the daemon: connects, reconnects, and reports when the daemon was away
// for too long.

import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../clock.js";
import { messageOf } from "../../model/errors.js";
import {
  connectToDaemon,
  type DaemonAddress,
  type ExecutorConnection,
} from "../../wire/handshake.js";
import type { LaunchSpec } from "../../wire/launch.js";
import { Inbox, type Said } from "./inbox.js";

/**
 * A restarted daemon is back within a second or two; the delay differs so that all executors of a
 * site do not connect at the same instant.
 */
const firstPauseMs = 100;
const longestPauseMs = 2_000;
/**
 * A connection that ends sooner has not worked, even if the daemon sent something on it: a daemon
 * that cannot record a report closes the connection whenever the executor repeats that report.
 */
const steadyMs = 10_000;

/** The part of a connection that a session needs. */
export type SessionConnection = Pick<ExecutorConnection, "send" | "close" | "listen">;

export const daemonAddressOf = (spec: LaunchSpec): DaemonAddress => ({
  host: spec.daemonHost,
  port: spec.daemonPort,
  executor: spec.executor,
  secret: spec.secret,
  ca: spec.daemonCa,
});

export interface SessionEvents {
  /** Called before any other message on this connection. */
  onConnected(connection: SessionConnection): void;
  onMessage(message: Said): void;
  /** Called for each connection that is lost and each attempt to connect that fails. */
  onLost(why: string): void;
  /** The first loss for this reason since a connection worked: something to log. */
  onTrouble(why: string): void;
  /** There has been no daemon for `orphanMs`. */
  onOrphaned(): void;
}

export class Session {
  private connection: SessionConnection | null = null;
  private orphaned: Timer | undefined;
  private retry: Timer | undefined;
  private pauseMs = firstPauseMs;
  /** The reasons that were logged since a connection worked. */
  private readonly troubles = new Set<string>();
  private isOver = false;

  /** `random` returns numbers from 0 to 1. */
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

  /** Sent messages still arrive if the daemon reads them. */
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
    const connectedAtMs = monotonicMs();
    this.events.onConnected(connection);
    const inbox = new Inbox((message) => this.events.onMessage(message));
    connection.listen({
      onMessage: (message) => inbox.add(message),
      onClose: (error) => {
        inbox.close();
        this.connection = null;
        if (this.isOver) return;
        if (monotonicMs() - connectedAtMs >= steadyMs) this.startAfresh();
        this.awaitDaemon();
        this.tryLater(error?.message ?? "the daemon closed the connection");
      },
    });
  }

  private startAfresh(): void {
    this.pauseMs = firstPauseMs;
    this.troubles.clear();
  }

  private tryLater(why: string): void {
    if (this.isOver) return;
    this.events.onLost(why);
    if (!this.troubles.has(why)) this.events.onTrouble(why);
    this.troubles.add(why);
    const pauseMs = Math.round(this.pauseMs * (0.5 + this.random() / 2));
    this.pauseMs = Math.min(longestPauseMs, this.pauseMs * 2);
    this.retry = setTimeout(() => void this.tryConnect(), pauseMs);
  }
}
