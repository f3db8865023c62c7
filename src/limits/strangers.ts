// Limits the connections of unauthenticated peers, so that no peer can lock out others.

import type { Socket } from "node:net";
import { monotonicMs } from "../clock.js";

/** Connections that are older make room for new ones: their peers had time to authenticate. */
const chanceMs = 500;

export type Peer = Pick<Socket, "remoteAddress" | "remotePort">;

/** Gives a TCP connection and its TLS socket the same key. */
const keyOf = ({ remoteAddress, remotePort }: Peer): string => `${remoteAddress} ${remotePort}`;

export class Strangers {
  private readonly open = new Map<string, Socket>();
  /** Unauthenticated connections by address with their times, the oldest first. */
  private readonly waiting = new Map<string, Map<string, number>>();
  /** How many requests of authenticated connections are in progress. */
  private readonly proofs = new Map<string, number>();
  private count = 0;

  /** Beyond `most`, the address with the most connections loses one. */
  constructor(private readonly most: number) {}

  opened(socket: Socket): void {
    const key = keyOf(socket);
    const source = socket.remoteAddress ?? "";
    this.open.set(key, socket);
    this.add(source, key);
    socket.once("close", () => {
      this.open.delete(key);
      this.remove(source, key);
    });
  }

  /**
   * Marks the peer as authenticated. Returns a function that revokes this until its next proof, if
   * no other one is in force.
   */
  proved(peer: Peer): () => void {
    const key = keyOf(peer);
    const source = peer.remoteAddress ?? "";
    this.remove(source, key);
    this.proofs.set(key, (this.proofs.get(key) ?? 0) + 1);
    return () => {
      const left = this.proofs.get(key)! - 1;
      if (left > 0) this.proofs.set(key, left);
      else this.proofs.delete(key);
      if (left === 0 && this.open.has(key)) this.add(source, key);
    };
  }

  private add(source: string, key: string): void {
    const keys = this.waiting.get(source) ?? new Map();
    this.waiting.set(source, keys);
    if (keys.has(key)) return;
    keys.set(key, monotonicMs());
    this.count++;
    if (this.count > this.most) this.makeRoom();
  }

  private remove(source: string, key: string): void {
    const keys = this.waiting.get(source);
    if (keys?.delete(key) !== true) return;
    this.count--;
    if (keys.size === 0) this.waiting.delete(source);
  }

  private makeRoom(): void {
    let largest: [string, Map<string, number>] = ["", new Map()];
    for (const each of this.waiting) if (each[1].size > largest[1].size) largest = each;
    const [source, keys] = largest;
    const [oldest, sinceMs] = keys.entries().next().value!;
    const key = monotonicMs() - sinceMs >= chanceMs ? oldest : [...keys.keys()].at(-1)!;
    this.remove(source, key);
    this.open.get(key)?.destroy();
  }
}
