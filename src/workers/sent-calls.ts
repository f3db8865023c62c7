// The calls that a worker was sent, so that a report of an answer that has no place names its call.

import { randomInt } from "node:crypto";
import type { Bye } from "../wire/worker/messages.js";
import { WorkerFailure } from "./worker-failure.js";

/** A handler that forges an answer does so before its own, with few calls in between. */
const maxNames = 1_000;
/**
 * A handler that guesses the id of its call, to answer it before its runtime does, is wrong, and
 * loses its worker at once; else the worker would get another call while the handler goes on.
 * Engines keep ids below 2^30 without a memory allocation.
 */
const highestFirst = 2 ** 29;

export class SentCalls {
  private readonly names = new Map<number, string>();
  private last: number;

  constructor(private readonly first = randomInt(1, highestFirst)) {
    this.last = first - 1;
  }

  /** `name`: how people know it. Returns its id. */
  add(name: string): number {
    this.names.set(++this.last, name);
    this.names.delete(this.last - maxNames);
    return this.last;
  }

  /** It may have ended. */
  has(id: number): boolean {
    return id >= this.first && id <= this.last;
  }

  /**
   * Why a worker ends that says bye, if the calls in `unanswered` are not to blame. A worker that
   * has answered none is not believed: each one that follows it might end in the same way.
   */
  lateEnd(
    { reason, endedBy }: Bye,
    unanswered: Pick<ReadonlySet<number>, "has" | "size">,
  ): WorkerFailure | null {
    const hasAnswered = this.last + 1 - this.first > unanswered.size;
    if (endedBy === undefined || !hasAnswered || unanswered.has(endedBy)) return null;
    if (endedBy !== 0 && !this.has(endedBy)) return null;
    const why =
      endedBy === 0
        ? "while no call was in it"
        : `because of what ${this.nameOf(endedBy)} left behind`;
    return new WorkerFailure("LEFT_LATE", `its worker ended ${why}: ${reason}`);
  }

  private nameOf(id: number): string {
    const name = this.names.get(id);
    return name === undefined ? "a call" : `call ${name}`;
  }

  /** Why a worker that answers `id` breaks the protocol, if `id` waits for no answer. */
  breach(id: number): WorkerFailure {
    if (this.has(id))
      return new WorkerFailure("ANSWERED_TWICE", `the worker answered ${this.nameOf(id)} twice`);
    const last = this.names.get(this.last);
    const after = last === undefined ? "" : `; the last that it was sent is call ${last}`;
    return new WorkerFailure(
      "UNKNOWN_CALL",
      `the worker answered a call that it was never sent${after}`,
    );
  }
}
