// Balances the idle time of all workers against that of a fixed keep-alive.

import type { WarmWindow } from "./windows.js";

/** What other platforms do: every worker stays for 10 minutes after its last call. */
const usualKeepAliveMs = 600_000;
/**
 * A cold start is worth this many keep-alives of idle time while nothing is saved elsewhere. For
 * periodic, random, bursty and rare calls alike, that takes about the idle time of the fixed
 * keep-alive.
 */
const usualWorth = 1.5;
/** The worth follows this power of what is saved, within these bounds. */
const response = 3;
const leastWorth = 1 / 4;
const mostWorth = 4;
/** Idle time of 24 hours on both sides of the balance: the first workers say little. */
const priorMs = 86_400_000;
/** About this many idle workers count, because the calls of a site change. */
const rememberedWorkers = 20_000;

/**
 * All workers together may be idle for as long as they would be under a fixed keep-alive. What
 * regular functions save there is spent on others: it raises the idle time that one avoided cold
 * start is worth.
 */
export class Allowance {
  private allowedMs = priorMs;
  private spentMs = priorMs;

  constructor(private readonly keepAliveMs: number = usualKeepAliveMs) {}

  /** The idle time of a worker that one avoided cold start is worth. */
  get worthMs(): number {
    const saved = Math.max(0, this.allowedMs) / Math.max(1, this.spentMs);
    const factor = Math.min(mostWorth, Math.max(leastWorth, saved ** response));
    return usualWorth * this.keepAliveMs * factor;
  }

  /** A worker became idle. Until it is used, all of its windows count as spent. */
  workerIdle(windows: readonly WarmWindow[]): void {
    const keep = 1 - 1 / rememberedWorkers;
    this.allowedMs = priorMs + keep * (this.allowedMs - priorMs) + this.keepAliveMs;
    this.spentMs = priorMs + keep * (this.spentMs - priorMs) + beyondMs(windows, 0);
  }

  /** It was used after `idleMs`: the rest is not spent. */
  workerUsed(windows: readonly WarmWindow[], idleMs: number): void {
    this.allowedMs -= Math.max(0, this.keepAliveMs - idleMs);
    this.spentMs -= beyondMs(windows, idleMs);
  }

  plain(): readonly [number, number] {
    return [this.allowedMs, this.spentMs];
  }

  /** Throws a RangeError unless `plain` came from plain(). */
  static of(plain: unknown, keepAliveMs?: number): Allowance {
    const allowance = new Allowance(keepAliveMs);
    const [allowedMs, spentMs] = Array.isArray(plain) ? plain : [];
    if (!Number.isFinite(allowedMs) || !Number.isFinite(spentMs))
      throw new RangeError("not a stored allowance of idle time");
    allowance.allowedMs = allowedMs;
    allowance.spentMs = spentMs;
    return allowance;
  }
}

/** The part of the windows that is later than `idleMs`. */
const beyondMs = (windows: readonly WarmWindow[], idleMs: number): number =>
  windows.reduce((sum, { fromMs, toMs }) => sum + Math.max(0, toMs - Math.max(fromMs, idleMs)), 0);
