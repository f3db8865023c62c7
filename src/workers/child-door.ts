// Where forked workers connect to their executor: a socket on which each proves by a token which
// fork made it, because Node cannot pass one end of a socket pair to another process.

import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { clearTimeout, setTimeout, type Timer } from "../clock.js";
import { errorCodeOf } from "../model/errors.js";
import type { Fork } from "../wire/worker/messages.js";

const tokenBytes = 32;
/** A token as text. */
const tokenLength = 2 * tokenBytes;
/** A worker sends its token in the same moment in which it connects. */
const tokenLimitMs = 2_000;
/** Connections without a valid token; the oldest gives way, so that nobody can fill the door. */
const maxStrangers = 64;

/** A worker that is expected. */
export interface Expected extends Fork {
  /** Resolves with its connection, paused before its hello; null after `giveUp` or `close`. */
  readonly arrived: Promise<Socket | null>;
  giveUp(): void;
}

export class ChildDoor {
  private readonly server: Server;
  private readonly expected = new Map<string, (socket: Socket | null) => void>();
  private readonly strangers = new Map<Socket, Timer>();

  private constructor(private readonly path: string) {
    this.server = createServer((socket) => this.admit(socket));
  }

  /** Listens at a path that must not exist. */
  static async open(path: string): Promise<ChildDoor> {
    const door = new ChildDoor(path);
    door.server.listen(path);
    await once(door.server, "listening");
    door.admitUsers(false);
    return door;
  }

  /** Each fork expects a worker of its own. */
  expect(): Expected {
    const token = randomBytes(tokenBytes).toString("hex");
    if (this.expected.size === 0) this.admitUsers(true);
    const arrived = new Promise<Socket | null>((resolve) => this.expected.set(token, resolve));
    return { path: this.path, token, arrived, giveUp: () => this.settle(token, null) };
  }

  /** Connections that were handed over stay open. */
  close(): void {
    for (const token of [...this.expected.keys()]) this.settle(token, null);
    for (const stranger of [...this.strangers.keys()]) this.refuse(stranger);
    this.server.close();
  }

  private admit(socket: Socket): void {
    const timer = setTimeout(() => this.refuse(socket), tokenLimitMs);
    this.strangers.set(socket, timer);
    const [oldest] = this.strangers.keys();
    if (this.strangers.size > maxStrangers) this.refuse(oldest!);
    let sent = Buffer.alloc(0);
    const onData = (piece: Buffer): void => {
      sent = Buffer.concat([sent, piece]);
      if (sent.length < tokenLength) return;
      socket.off("data", onData);
      socket.pause();
      this.recognise(socket, sent);
    };
    socket.on("data", onData);
    // Both stay, and refuse nobody who was recognised.
    socket.on("error", () => this.refuse(socket));
    socket.on("end", () => this.refuse(socket));
  }

  private recognise(socket: Socket, sent: Buffer): void {
    const shown = sent.subarray(0, tokenLength);
    const token = [...this.expected.keys()].find((each) =>
      timingSafeEqual(Buffer.from(each), shown),
    );
    if (token === undefined) {
      this.refuse(socket);
      return;
    }
    clearTimeout(this.strangers.get(socket));
    this.strangers.delete(socket);
    if (sent.length > tokenLength) socket.unshift(sent.subarray(tokenLength));
    this.settle(token, socket);
  }

  private settle(token: string, socket: Socket | null): void {
    this.expected.get(token)?.(socket);
    if (this.expected.delete(token) && this.expected.size === 0) this.admitUsers(false);
  }

  /** Only while somebody is expected: else every user could keep this process busy at any time. */
  private admitUsers(isOpen: boolean): void {
    try {
      chmodSync(this.path, isOpen ? 0o666 : 0o600);
    } catch (thrown) {
      // What cleans folders has removed it: forks fail, and workers start by themselves.
      if (errorCodeOf(thrown) !== "ENOENT") throw thrown;
    }
  }

  private refuse(socket: Socket): void {
    clearTimeout(this.strangers.get(socket));
    if (this.strangers.delete(socket)) socket.destroy();
  }
}
