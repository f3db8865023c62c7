// The connections that have not proven the lease's key: few at a time, of which each address has
// its share, so that a stranger who opens many keeps nobody from elsewhere away.

import { isIPv6, type Socket } from "node:net";
import { Newcomer, type Secret } from "./lease-newcomer.js";

const handshakeMs = 5_000;
const maxNewcomers = 256;
const mapped = /^::ffff:(?=\d+\.)/i;

export class Newcomers {
  private count = 0;
  /** The oldest of each address first, each with the end of its time. */
  private readonly byOrigin = new Map<string, Map<Newcomer, NodeJS.Timeout>>();

  constructor(
    private readonly secret: Secret,
    private readonly onProven: (newcomer: Newcomer) => void,
  ) {}

  get all(): Newcomer[] {
    return [...this.byOrigin.values()].flatMap((ofOrigin) => [...ofOrigin.keys()]);
  }

  /** The oldest one goes for it of the address that has the most. */
  greet(socket: Socket): void {
    if (this.count >= maxNewcomers) this.destroyOldest();
    const origin = originOf(socket);
    const newcomer = new Newcomer(socket, this.secret, () => this.onProven(newcomer));
    const late = setTimeout(() => newcomer.socket.destroy(), handshakeMs);
    const ofOrigin = this.byOrigin.get(origin) ?? new Map<Newcomer, NodeJS.Timeout>();
    this.byOrigin.set(origin, ofOrigin.set(newcomer, late));
    this.count++;
    newcomer.socket.once("close", () => this.forget(newcomer));
  }

  forget(newcomer: Newcomer): void {
    for (const [origin, ofOrigin] of this.byOrigin) {
      const late = ofOrigin.get(newcomer);
      if (late === undefined) continue;
      clearTimeout(late);
      ofOrigin.delete(newcomer);
      if (ofOrigin.size === 0) this.byOrigin.delete(origin);
      this.count--;
    }
  }

  private destroyOldest(): void {
    const [most] = [...this.byOrigin.values()].sort((one, other) => other.size - one.size);
    const [oldest] = most!.keys();
    oldest!.socket.destroy();
    this.forget(oldest!);
  }
}

/** One host may have all addresses of a network of 64 bits. A Unix socket has no address. */
function originOf({ remoteAddress = "" }: Socket): string {
  const address = remoteAddress.replace(mapped, "");
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? 0 : tail.split(":").length;
  while (tail !== undefined && groups.length + after < 8) groups.push("0");
  return groups.slice(0, 4).join(":");
}
