// The calls that a worker was sent, so that a report of an answer that has no place names its call.

import { randomInt } from "node:crypto";
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

  /** Why a worker that answers `id` breaks the protocol, if `id` waits for no answer. */
  breach(id: number): WorkerFailure {
    const name = this.names.get(id) ?? null;
    if (this.has(id))
      return new WorkerFailure(
        "ANSWERED_TWICE",
        `the worker answered ${name === null ? "a call" : `call ${name}`} twice`,
      );
    const last = this.names.get(this.last);
    const after = last === undefined ? "" : `; the last that it was sent is call ${last}`;
    return new WorkerFailure(
      "UNKNOWN_CALL",
      `the worker answered a call that it was never sent${after}`,
    );
  }
}
