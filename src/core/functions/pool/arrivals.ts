// Learns from the calls of all functions how long their workers are unused between two calls.

import { remember } from "../../../model/remember.js";
import { Allowance } from "./allowance.js";
import { FunctionHistory, type Outlook, type OutlookSettings } from "./function-history.js";

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

  private allowance: Allowance;

  /** `keepAliveMs` is the fixed keep-alive whose idle time all functions together may spend. */
  constructor(keepAliveMs?: number) {
    this.allowance = new Allowance(keepAliveMs);
  }

  get learnedFunctions(): number {
    return this.functions.size;
  }

  /** A call was accepted. Its attempts after evictions are no arrivals of their own. */
  callArrived(key: string, atMs: number): void {
    const history = this.functions.get(key) ?? new FunctionHistory(this.allowance);
    remember(this.functions, key, history, maxFunctions);
    history.callArrived(atMs);
  }

  /** A call has its end, whatever that is. */
  callEnded(key: string, atMs: number): void {
    this.functions.get(key)?.callEnded(atMs);
  }

  /** The idle workers that a function should have; none for one that was never called. */
  outlook(key: string, atMs: number, settings: OutlookSettings): Outlook {
    return this.functions.get(key)?.outlook(atMs, settings) ?? nothing;
  }

  /** See FunctionHistory.keepMs(); null for a function that was never called. */
  keepMs(key: string, throughMs: number): number | null {
    return this.functions.get(key)?.keepMs(throughMs) ?? null;
  }

  /** Plain JSON, usually some 300 bytes for each function. */
  toJson(): string {
    const functions = [...this.functions].map(([key, history]) => [key, history.plain()]);
    return JSON.stringify({ allowance: this.allowance.plain(), functions });
  }

  /** Reads what toJson wrote; returns null for anything else. */
  static fromJson(json: string, keepAliveMs?: number): Arrivals | null {
    const arrivals = new Arrivals(keepAliveMs);
    try {
      const plain = JSON.parse(json) as { allowance: unknown; functions: [unknown, unknown][] };
      arrivals.allowance = Allowance.of(plain.allowance, keepAliveMs);
      for (const [key, history] of plain.functions.slice(-maxFunctions))
        arrivals.functions.set(String(key), FunctionHistory.of(history, arrivals.allowance));
    } catch {
      return null;
    }
    return arrivals;
  }
}
