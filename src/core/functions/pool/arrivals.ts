// Learns from the calls of all functions how long their workers are unused between two calls.

import { FunctionHistory, type Outlook, type OutlookSettings } from "./function-history.js";
import { defaultWorthMs } from "./windows.js";

/**
 * The most functions remembered, usually about 1 kB each and 12 kB at most; the one called longest
 * ago is forgotten first.
 */
const maxFunctions = 5_000;

const nothing: Outlook = { seats: [], changesAtMs: Number.POSITIVE_INFINITY };

/**
 * Calls are learned by caller, owner and name of the function. Workers are never shared between
 * users, so another user's calls say nothing about one's own worker; and a new version is called
 * at the times of the old one, so what was learned outlives a deployment.
 */
export const historyKey = (caller: string, owner: string, name: string): string =>
  `${caller}/${owner}/${name}`;

export class Arrivals {
  /** Ordered by last arrival. */
  private readonly functions = new Map<string, FunctionHistory>();

  /** `worthMs` is how long a worker may be idle to spare one call its cold start. */
  constructor(private readonly worthMs: number = defaultWorthMs) {}

  get learnedFunctions(): number {
    return this.functions.size;
  }

  /** A call was accepted. Its attempts after evictions are no arrivals of their own. */
  callArrived(key: string, atMs: number): void {
    const history = this.functions.get(key) ?? new FunctionHistory(this.worthMs);
    this.functions.delete(key);
    this.functions.set(key, history);
    history.callArrived(atMs);
    if (this.functions.size <= maxFunctions) return;
    const [oldest] = this.functions.keys();
    this.functions.delete(oldest!);
  }

  /** A call has its end, whatever that is. */
  callEnded(key: string, atMs: number): void {
    this.functions.get(key)?.callEnded(atMs);
  }

  /** The idle workers that a function should have; none for one that was never called. */
  outlook(key: string, atMs: number, settings: OutlookSettings): Outlook {
    return this.functions.get(key)?.outlook(atMs, settings) ?? nothing;
  }

  /** Plain JSON, usually some 300 bytes for each function. */
  toJson(): string {
    return JSON.stringify([...this.functions].map(([key, history]) => [key, history.plain()]));
  }

  /** Reads what toJson wrote; returns null for anything else. */
  static fromJson(json: string, worthMs: number = defaultWorthMs): Arrivals | null {
    const arrivals = new Arrivals(worthMs);
    try {
      const plain = JSON.parse(json) as [unknown, unknown][];
      for (const [key, history] of plain.slice(-maxFunctions))
        arrivals.functions.set(String(key), FunctionHistory.of(history, worthMs));
    } catch {
      return null;
    }
    return arrivals;
  }
}
