// Orders that wait here for the end of another attempt: tasks of one array that follow each other
// in one place, without a word to gleanerd between them.

import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../clock.js";
import type { AttemptKey, AttemptOrder } from "../../wire/messages.js";
import { keyText } from "./attempt.js";

/**
 * gleanerd expects such tasks to take 40 ms together. Those that have not begun within this time
 * after the last order go back to its queue: another place may be free, and another user may wait
 * for this one.
 */
export const followMs = 100;

/** The orders behind one attempt, in their order. */
interface Line {
  /** The attempt that is ahead of all. */
  ahead: string;
  readonly orders: Map<string, AttemptOrder>;
  untilMs: number;
  timer: Timer | undefined;
}

export class Followers {
  private readonly byAhead = new Map<string, Line>();
  /** The line in which each order waits. */
  private readonly byOrder = new Map<string, Line>();

  /** `late`: these have waited too long, and do not wait here any more. */
  constructor(private readonly late: (orders: readonly AttemptOrder[]) => void) {}

  get keys(): readonly AttemptKey[] {
    return this.all.map(({ invocation, attempt }) => ({ invocation, attempt }));
  }

  has(key: AttemptKey): boolean {
    return this.byOrder.has(keyText(key));
  }

  /** `ahead` runs or waits here. */
  add(order: AttemptOrder, ahead: AttemptKey): void {
    const name = keyText(ahead);
    const line = this.byOrder.get(name) ?? this.byAhead.get(name) ?? this.open(name);
    line.orders.set(keyText(order), order);
    line.untilMs = monotonicMs() + followMs;
    this.byOrder.set(keyText(order), line);
  }

  /** The attempt is over; returns the order that is next, whose own end the others wait for. */
  next(key: AttemptKey): AttemptOrder | null {
    const line = this.byAhead.get(keyText(key));
    if (line === undefined) return null;
    const [[name, next]] = line.orders as unknown as [[string, AttemptOrder]];
    this.leave(line, name);
    this.byAhead.delete(line.ahead);
    line.ahead = name;
    if (line.orders.size > 0) this.byAhead.set(name, line);
    return next;
  }

  /** Takes one out of its line; returns whether it waited here. */
  remove(key: AttemptKey): boolean {
    const line = this.byOrder.get(keyText(key));
    if (line === undefined) return false;
    this.leave(line, keyText(key));
    return true;
  }

  /** Gives one another time limit; returns whether it waits here. */
  limit(key: AttemptKey, timeLimitMs: number): boolean {
    const orders = this.byOrder.get(keyText(key))?.orders;
    if (orders === undefined) return false;
    orders.set(keyText(key), { ...orders.get(keyText(key))!, timeLimitMs });
    return true;
  }

  /** Takes all out. */
  clear(): readonly AttemptOrder[] {
    const { all } = this;
    for (const line of this.byAhead.values()) this.close(line);
    return all;
  }

  private open(ahead: string): Line {
    const line: Line = { ahead, orders: new Map(), untilMs: 0, timer: undefined };
    this.byAhead.set(ahead, line);
    this.watch(line, followMs);
    return line;
  }

  private watch(line: Line, inMs: number): void {
    line.timer = setTimeout(() => {
      const leftMs = line.untilMs - monotonicMs();
      if (leftMs > 0) return this.watch(line, leftMs);
      const orders = [...line.orders.values()];
      this.close(line);
      this.late(orders);
    }, inMs);
  }

  private leave(line: Line, name: string): void {
    line.orders.delete(name);
    this.byOrder.delete(name);
    if (line.orders.size === 0) this.close(line);
  }

  private get all(): AttemptOrder[] {
    return [...this.byAhead.values()].flatMap(({ orders }) => [...orders.values()]);
  }

  private close(line: Line): void {
    clearTimeout(line.timer);
    this.byAhead.delete(line.ahead);
    for (const name of line.orders.keys()) this.byOrder.delete(name);
  }
}
