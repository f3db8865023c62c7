// Why an attempt may end the way it does: who requested it, what arrived at its node, what died.
// Only the world reports these causes.

import type { AttemptEnd } from "../../../src/model/invocation.js";
import type { AttemptKey } from "../../../src/wire/messages.js";

/**
 * Orders wait for a slow disk, and hooks for an executor that hangs: causes that arrive meanwhile
 * came before they were begun.
 */
const slackMs = 60_000;

type Kind = "eviction" | "loss";

/** What is known of an attempt whose end is asked about. */
export interface Ended {
  /** Its own and its array's. */
  readonly ids: readonly number[];
  readonly name: string;
  readonly node: string;
  readonly executor: string;
  readonly begunAtMs: number;
  readonly timeLimitMs: number;
  readonly isCall: boolean;
  /** How long its command ran; null: it never did. */
  readonly ranMs: number | null;
}

export class Causes {
  private readonly asked = new Set<number>();
  private readonly vanished = new Set<string>();
  private readonly killedTogether = new Set<string>();
  private readonly interrupted = new Set<string>();
  /** When something of a kind happened last at a node, or to an executor; `*`: to all. */
  private readonly last = new Map<string, number>();
  private readonly budgets = new Map<string, { cores: number; memoryMb: number }>();

  constructor(private readonly nowMs: () => number) {}

  cancelAsked(ids: readonly (number | string)[]): void {
    for (const id of ids) this.asked.add(Number(id));
  }

  /** glean-spawn is gone without a report. */
  spawnVanished(name: string): void {
    this.vanished.add(name);
  }

  /** A worker with these in it is killed, for one of them or for all. */
  killedWith(keys: readonly AttemptKey[]): void {
    if (keys.length < 2) return;
    for (const { invocation, attempt } of keys) this.killedTogether.add(`${invocation}.${attempt}`);
  }

  /** What an ended call left behind ends the worker with these in it. */
  interrupts(keys: readonly AttemptKey[]): void {
    for (const { invocation, attempt } of keys) this.interrupted.add(`${invocation}.${attempt}`);
  }

  /** It had to go because of another call of its user, so it is billed and runs again. */
  isInterrupted(name: string): boolean {
    return this.killedTogether.has(name) || this.interrupted.has(name);
  }

  /** A job, a drain or a departure takes from what runs at a node, or with an executor. */
  takes(place: string): void {
    this.last.set(`eviction ${place}`, this.nowMs());
  }

  /** A process or a connection is no more. */
  breaks(place: string): void {
    this.last.set(`loss ${place}`, this.nowMs());
  }

  /** An executor hears of its budget: less than before takes. */
  budgetTold(
    executor: string,
    budget: { readonly cores: number; readonly memoryMb: number },
  ): void {
    const before = this.budgets.get(executor);
    this.budgets.set(executor, budget);
    const isLess =
      before === undefined || budget.cores < before.cores || budget.memoryMb < before.memoryMb;
    if (isLess) this.takes(executor);
  }

  private since(kind: Kind, { node, executor, begunAtMs }: Ended): boolean {
    return [node, executor, "*"].some(
      (place) =>
        (this.last.get(`${kind} ${place}`) ?? Number.NEGATIVE_INFINITY) >= begunAtMs - slackMs,
    );
  }

  /** What is missing for this end, as the end of a sentence; null: it has its cause. */
  missingFor(end: AttemptEnd, ended: Ended): string | null {
    const { ids, name, ranMs, timeLimitMs, isCall, begunAtMs } = ended;
    switch (end) {
      case "CANCELLED":
        return ids.some((id) => this.asked.has(id)) ? null : "and nobody asked for that";
      case "TIMEOUT": {
        const lastedMs = ranMs ?? this.nowMs() - begunAtMs;
        // The limit of a call's start counts from its order, and its worker has half of that.
        const leastMs = isCall ? timeLimitMs / 2 : timeLimitMs;
        return lastedMs >= leastMs - 1 ? null : `after ${lastedMs} of ${timeLimitMs} ms`;
      }
      case "EVICTED":
        // An order that finds no place was never begun.
        if (ranMs === null || this.killedTogether.has(name)) return null;
        if (this.since("eviction", ended)) return null;
        return "and no job, drain or departure came";
      case "LOST":
        if (this.vanished.has(name) || this.since("loss", ended)) return null;
        return "and nothing died or broke";
      default:
        return null;
    }
  }
}
