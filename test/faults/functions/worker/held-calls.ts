// The calls in a simulated worker, as its executor counts them: since when each holds the worker's
// cores, and what its part of the time is.

import type { AttemptKey } from "../../../../src/wire/messages.js";

/** A call that runs in it, by its id on the connection. */
export interface Call {
  readonly id: number;
  readonly key: AttemptKey;
}

export interface Held {
  readonly key: AttemptKey;
  readonly name: string;
  /** Since when it holds the worker's cores; null: its executor knows of no process yet. */
  sinceUs: number | null;
  /** It is sent to the worker, or waits behind the input of another. */
  isBegun: boolean;
  /** With all of its input. */
  isSent: boolean;
}

interface Span {
  readonly sinceUs: number;
  readonly untilUs: number;
}

const nameOf = ({ invocation, attempt }: AttemptKey): string => `${invocation}.${attempt}`;

export class HeldCalls {
  private readonly calls = new Map<string, Held>();
  private ended: Span[] = [];

  get all(): readonly Held[] {
    return [...this.calls.values()];
  }

  get isEmpty(): boolean {
    return this.calls.size === 0;
  }

  of(key: AttemptKey): Held | undefined {
    return this.calls.get(nameOf(key));
  }

  add(key: AttemptKey): Held {
    const name = nameOf(key);
    const held = { key, name, sinceUs: null, isBegun: false, isSent: false };
    this.calls.set(name, held);
    return held;
  }

  holds(held: Held, atUs: number): void {
    held.sinceUs = atUs;
  }

  /** Returns what it took, and its part of that; null if it never held anything. */
  remove(held: Held, atUs: number): { wallMs: number; shareMs: number } | null {
    this.calls.delete(held.name);
    const { sinceUs } = held;
    if (sinceUs === null) return null;
    const own = { sinceUs, untilUs: Math.max(sinceUs, atUs) };
    this.ended.push(own);
    const shareMs = this.partUs(own) / 1_000;
    const earliestUs = Math.min(...this.running.map((each) => each.sinceUs));
    this.ended = this.ended.filter(({ untilUs }) => untilUs > earliestUs);
    return { wallMs: Math.floor((own.untilUs - sinceUs) / 1_000), shareMs };
  }

  private get running(): readonly Span[] {
    return this.all.flatMap(({ sinceUs }) =>
      sinceUs === null ? [] : [{ sinceUs, untilUs: Number.POSITIVE_INFINITY }],
    );
  }

  /** All that are there at a moment have equal parts of it. */
  private partUs({ sinceUs, untilUs }: Span): number {
    const spans = [...this.ended, ...this.running];
    const within = (us: number) => us > sinceUs && us < untilUs;
    const changes = spans.flatMap((each) => [each.sinceUs, each.untilUs].filter(within));
    const bounds = [sinceUs, ...changes.toSorted((a, b) => a - b), untilUs];
    return bounds.slice(1).reduce((sum, toUs, index) => {
      const fromUs = bounds[index]!;
      const there = spans.filter((each) => each.sinceUs <= fromUs && each.untilUs >= toUs).length;
      return sum + (toUs - fromUs) / Math.max(1, there);
    }, 0);
  }
}
