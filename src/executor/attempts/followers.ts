// Orders that wait here for the end of another attempt: tasks of one array that follow each other
// in one place, without a word to gleanerd between them.

import { clearTimeout, setTimeout, type Timer } from "../../clock.js";
import type { AttemptKey, AttemptOrder } from "../../wire/messages.js";
import { keyText } from "./attempt.js";

/**
 * gleanerd expects such tasks to take 40 ms together. Those that have not begun by then go back to
 * its queue: another place may be free, and another user may wait for this one.
 */
export const followMs = 100;

/** The orders behind one attempt, in their order. */
interface Line {
  readonly orders: AttemptOrder[];
  readonly timer: Timer;
}

export class Followers {
  /** By the attempt that is ahead of all in the line. */
  private readonly lines = new Map<string, Line>();

  /** `late`: these have waited too long, and do not wait here any more. */
  constructor(private readonly late: (orders: readonly AttemptOrder[]) => void) {}

  get keys(): readonly AttemptKey[] {
    return this.all.map(({ invocation, attempt }) => ({ invocation, attempt }));
  }

  has(key: AttemptKey): boolean {
    return this.all.some((order) => keyText(order) === keyText(key));
  }

  /** Whether an order waits for the end of this attempt. */
  hasBehind(key: AttemptKey): boolean {
    return this.lines.has(keyText(key));
  }

  /** `ahead` runs or waits here. */
  add(order: AttemptOrder, ahead: AttemptKey): void {
    const name = keyText(ahead);
    for (const { orders } of this.lines.values())
      if (orders.some((each) => keyText(each) === name)) {
        orders.push(order);
        return;
      }
    const known = this.lines.get(name);
    if (known !== undefined) known.orders.push(order);
    else this.open(name, [order]);
  }

  /** The attempt is over; returns the order that is next, whose own end the others wait for. */
  next(key: AttemptKey): AttemptOrder | null {
    const line = this.lines.get(keyText(key));
    if (line === undefined) return null;
    this.lines.delete(keyText(key));
    const next = line.orders.shift()!;
    if (line.orders.length > 0) this.lines.set(keyText(next), line);
    else clearTimeout(line.timer);
    return next;
  }

  /** Takes one out of its line; returns whether it waited here. */
  remove(key: AttemptKey): boolean {
    for (const [name, line] of this.lines) {
      const at = line.orders.findIndex((order) => keyText(order) === keyText(key));
      if (at < 0) continue;
      line.orders.splice(at, 1);
      if (line.orders.length === 0) this.close(name, line);
      return true;
    }
    return false;
  }

  /** Takes all out. */
  clear(): readonly AttemptOrder[] {
    const { all } = this;
    for (const [name, line] of this.lines) this.close(name, line);
    return all;
  }

  private open(ahead: string, orders: AttemptOrder[]): void {
    const line: Line = { orders, timer: setTimeout(() => this.giveUp(line), followMs) };
    this.lines.set(ahead, line);
  }

  private giveUp(line: Line): void {
    for (const [name, each] of this.lines) if (each === line) this.lines.delete(name);
    this.late(line.orders);
  }

  private get all(): AttemptOrder[] {
    return [...this.lines.values()].flatMap(({ orders }) => orders);
  }

  private close(name: string, { timer }: Line): void {
    clearTimeout(timer);
    this.lines.delete(name);
  }
}
