// Answers that are the same for everybody: made anew only as often as their cost allows, and kept once in memory.

import type { FastifyReply } from "fastify";
import { machineMonotonicNs } from "../../clock.js";

/** An answer serves this many times as long as it took to make: it never takes more than a tenth of gleanerd's turn. */
const shareOfTurn = 10n;
/** However long it took: what is shown is hardly older than what the client itself takes to show it. */
const longestNs = 1_000_000_000n;

export class ReusedAnswer {
  private bytes = Buffer.alloc(0);
  private goodUntilNs = -1n;

  constructor(private readonly make: () => unknown) {}

  /** As many clients as like may take it slowly: all of them take the same bytes. */
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
