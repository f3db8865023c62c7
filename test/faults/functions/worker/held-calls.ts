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
  /** It was sent to the worker. */
  isBegun: boolean;
  partUs: number;
}

const nameOf = ({ invocation, attempt }: AttemptKey): string => `${invocation}.${attempt}`;

export class HeldCalls {
  private readonly calls = new Map<string, Held>();
  private reachedUs = 0;

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
    const held = { key, name, sinceUs: null, isBegun: false, partUs: 0 };
    this.calls.set(name, held);
    return held;
  }

  holds(held: Held, atUs: number): void {
    this.reach(atUs);
    held.sinceUs = atUs;
  }

  /** Returns what it took, and its part of that; null if it never held anything. */
  remove(held: Held, atUs: number): { wallMs: number; shareMs: number } | null {
    this.reach(atUs);
    this.calls.delete(held.name);
    if (held.sinceUs === null) return null;
    const wallMs = Math.max(0, Math.floor((atUs - held.sinceUs) / 1_000));
    return { wallMs, shareMs: held.partUs / 1_000 };
  }

  private reach(atUs: number): void {
    const there = this.all.filter(({ sinceUs }) => sinceUs !== null);
    for (const each of there) each.partUs += (atUs - this.reachedUs) / there.length;
    this.reachedUs = atUs;
  }
}
