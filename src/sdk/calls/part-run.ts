// One part of a map that gleanerd has accepted: its results arrive page by page, no further ahead
// than the consumer needs.

import { setTimeout as pause } from "node:timers/promises";
import { maxWaitMs } from "../../wire/api/limits.js";
import type { Outcome } from "../../wire/api/types.js";
import type { GleanerClient } from "../client.js";
import { patiently } from "../repeat.js";
import type { Part } from "./parts.js";

/**
 * How a call of a map ended.
 * @internal
 */
export interface EndedCall {
  readonly index: number;
  readonly id: string;
  readonly outcome: Outcome;
}

export type MapOrder = "input" | "ended";

/** @internal */
export interface Collecting {
  readonly client: Pick<GleanerClient, "results">;
  readonly order: MapOrder;
  readonly signal: AbortSignal;
  /** Resolves when the consumer has taken something. */
  readonly taken: () => Promise<void>;
  /** Something arrived. */
  readonly arrived: () => void;
}

/** The next page is asked for while at most this number of results wait for the consumer. */
const aheadResults = 500;
/** Between two small pages: results that end meanwhile come in one. */
const gatherMs = 10;

/** @internal */
export const unreachable =
  "gleanerd did not answer for 10 minutes: calls that were submitted stay in its queue (glean queue --me)";

/** @internal */
export class PartRun {
  isComplete = false;
  given = 0;
  private ready: Outcome[] = [];
  private at = 0;

  constructor(
    readonly id: string,
    readonly part: Part,
  ) {}

  /** Whether the consumer has had all that there will be. */
  get isOver(): boolean {
    return this.isComplete && this.at === this.ready.length;
  }

  get hasReady(): boolean {
    return this.at < this.ready.length;
  }

  /** The number of the next one. */
  get nextIndex(): number {
    return this.part.indexOf(this.ready[this.at]!.task);
  }

  take(): EndedCall {
    const outcome = this.ready[this.at++]!;
    this.given++;
    const { task } = outcome;
    return { index: this.part.indexOf(task), id: `${this.id}_${task}`, outcome };
  }

  /** Resolves once all results have arrived. */
  async collect({ client, order, signal, taken, arrived }: Collecting): Promise<void> {
    let after = 0;
    while (!signal.aborted) {
      const query = { order, after, waitMs: maxWaitMs };
      const page = await patiently(
        () => client.results(this.id, query, signal),
        unreachable,
        signal,
      );
      this.ready = this.ready.slice(this.at).concat(page.results);
      this.at = 0;
      this.isComplete = page.isComplete;
      after = page.next;
      arrived();
      if (page.isComplete) return;
      while (this.ready.length - this.at > aheadResults && !signal.aborted) await taken();
      if (page.results.length < aheadResults) await pause(gatherMs, undefined, { signal });
    }
  }
}
