// Connections and requests under way, limited for each source and user, so that whoever holds many leaves room for others.

import type { Socket } from "node:net";
import { monotonicMs } from "../../../clock.js";
import { mostOf } from "../../../core/submission/user-share.js";
import { GleanerError } from "../../../model/errors.js";

/** Connections that have shown no token: beyond it the source that has most loses one. A token takes milliseconds. */
const maxUnidentified = 2_048;
/** An older one makes room for a newcomer: it had its chance. */
const chanceMs = 500;
/** Requests under way, clients that wait for an end included. */
const maxRequests = 2_048;
/** Of one user, and no more than stay free for others. */
const maxRequestsOfUser = 512;

export const maxConnections = maxUnidentified + maxRequests;

type Peer = Pick<Socket, "remoteAddress" | "remotePort">;

/** The same for a connection and what TLS makes of it. */
const keyOf = ({ remoteAddress, remotePort }: Peer): string => `${remoteAddress} ${remotePort}`;

export class Connections {
  private readonly open = new Map<string, Socket>();
  /** By address, with the time since when, the oldest first. */
  private readonly unidentified = new Map<string, Map<string, number>>();
  private unidentifiedCount = 0;
  private readonly requestsOf = new Map<number, number>();
  private requests = 0;

  opened(socket: Socket): void {
    const key = keyOf(socket);
    const source = socket.remoteAddress ?? "";
    this.open.set(key, socket);
    this.await(source, key);
    socket.once("close", () => {
      this.open.delete(key);
      this.leave(source, key);
    });
  }

  /** A request has shown a user's token. Returns what to call at its end; throws LIMIT_REACHED. */
  identified(peer: Peer, uid: number): () => void {
    const own = this.requestsOf.get(uid) ?? 0;
    const most = Math.min(maxRequestsOfUser, mostOf(maxRequests, this.requests - own));
    if (own + 1 > most)
      throw new GleanerError(
        "LIMIT_REACHED",
        `you have ${own} requests under way and a user may have ${most}: wait for an array with one request, and until others are answered`,
      );
    this.requestsOf.set(uid, own + 1);
    this.requests++;
    const key = keyOf(peer);
    const source = peer.remoteAddress ?? "";
    this.leave(source, key);
    return () => {
      this.requests--;
      const left = this.requestsOf.get(uid)! - 1;
      if (left === 0) this.requestsOf.delete(uid);
      else this.requestsOf.set(uid, left);
      if (this.open.has(key)) this.await(source, key);
    };
  }

  private await(source: string, key: string): void {
    const keys = this.unidentified.get(source) ?? new Map();
    this.unidentified.set(source, keys);
    if (keys.has(key)) return;
    keys.set(key, monotonicMs());
    this.unidentifiedCount++;
    if (this.unidentifiedCount > maxUnidentified) this.makeRoom();
  }

  private leave(source: string, key: string): void {
    const keys = this.unidentified.get(source);
    if (keys?.delete(key) !== true) return;
    this.unidentifiedCount--;
    if (keys.size === 0) this.unidentified.delete(source);
  }

  private makeRoom(): void {
    let largest: [string, Map<string, number>] = ["", new Map()];
    for (const each of this.unidentified) if (each[1].size > largest[1].size) largest = each;
    const [source, keys] = largest;
    const [oldest, sinceMs] = keys.entries().next().value!;
    const key = monotonicMs() - sinceMs >= chanceMs ? oldest : [...keys.keys()].at(-1)!;
    this.leave(source, key);
    this.open.get(key)?.destroy();
  }
}
