// Reuses answers that are the same for everybody: rebuilds one only as often as its cost allows,
// and keeps its bytes in memory once.

import type { FastifyReply } from "fastify";
import { machineMonotonicNs } from "../../clock.js";

/**
 * An answer is reused for this many times as long as it took to build, so building it never takes
 * more than a tenth of gleanerd's time.
 */
const shareOfTurn = 10n;
/** The longest reuse, which a person who looks at the answer does not notice. */
const longestNs = 1_000_000_000n;

export class ReusedAnswer {
  private bytes = Buffer.alloc(0);
  private goodUntilNs = -1n;

  constructor(private readonly make: () => unknown) {}

  /** All clients, also slow ones, are sent the same bytes. */
  send(reply: FastifyReply): FastifyReply {
    return reply.type("application/json; charset=utf-8").send(this.current());
  }

  private current(): Buffer {
    const startedNs = machineMonotonicNs();
    if (startedNs < this.goodUntilNs) return this.bytes;
    this.bytes = Buffer.from(JSON.stringify(this.make()));
    const madeNs = machineMonotonicNs();
    const costNs = (madeNs - startedNs) * shareOfTurn;
    this.goodUntilNs = madeNs + (costNs < longestNs ? costNs : longestNs);
    return this.bytes;
  }
}
