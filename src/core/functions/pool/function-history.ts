// The history of one function's calls: how many run, since when each further worker has been
// unused, and for how long such workers are unused usually.

import type { Allowance } from "./allowance.js";
import { IdleTimes } from "./idle-times.js";
import { keepFor, type Windows, warmWindows } from "./windows.js";

/**
 * The workers of a function have ranks: the n-th is needed while n calls run. The first one of a
 * busy function is used again in a moment, the twentieth in the next burst. Ranks share their
 * learned idle times in classes 1, 2, 3-4, 5-8 … 129-256.
 */
const maxRanks = 256;
const classes = 9;
const never = Number.POSITIVE_INFINITY;
/** Small changes change little: the windows are computed again after such a part. */
const recomputedPart = 1 / 16;

/** One worker that a function's history speaks for. */
export interface Seat {
  readonly rank: number;
  /** The time for which the worker has been unused. */
  readonly idleMs: number;
  /**
   * Half of such workers are used by then, counted from now; infinity if half of them are not used
   * within the range of what is learned.
   */
  readonly nextUseMs: number;
  /**
   * Whether a worker is started for it if none is there: the history is good enough, or the worker
   * was lost, and its next use is expected before it would have ended anyway.
   */
  readonly mayStart: boolean;
}

/** The idle workers that a function should have at a moment, soonest use first. */
export interface Outlook {
  readonly seats: readonly Seat[];
  /** When that changes if no call comes or ends; infinity if it does not. */
  readonly changesAtMs: number;
}

export interface OutlookSettings {
  /** Overrides everything that was learned: a fixed keep-alive. */
  readonly idleTimeoutMs: number | null;
  /** A worker that is started ahead begins to start that long before its window. */
  readonly coldStartMs: number;
}

/** What was learned of a class of ranks. */
interface Learned {
  readonly times: IdleTimes;
  /** When the last observation was made. */
  observedAtMs: number;
  cached: { readonly windows: Windows; readonly total: number; readonly worthMs: number } | null;
}

/** A worker that is not used now. */
interface Unused {
  readonly sinceMs: number;
  /**
   * Fixed when the worker becomes idle: the first calls of a burst must not stop the workers that
   * its other calls need in a moment.
   */
  readonly windows: Windows;
}

export class FunctionHistory {
  private running = 0;
  /** By rank from 1 on, at index rank - 1; null where that is not known. */
  private readonly unused: (Unused | null)[] = [];
  private readonly learned = new Map<number, Learned>();

  /** The allowance is that of all functions together. */
  constructor(private readonly allowance: Allowance) {}

  callArrived(atMs: number): void {
    this.running++;
    if (this.running > maxRanks) return;
    const unused = this.unused[this.running - 1] ?? null;
    this.unused[this.running - 1] = null;
    if (unused === null) return;
    const idleMs = Math.max(0, atMs - unused.sinceMs);
    this.allowance.workerUsed(unused.windows.windows, idleMs);
    this.observe(unused.sinceMs, idleMs);
  }

  /** A call that arrived before a restart of the daemon may end, too. */
  callEnded(atMs: number): void {
    this.running = Math.max(1, this.running);
    if (this.running <= maxRanks) {
      const windows = this.windowsOf(this.running);
      this.unused[this.running - 1] = { sinceMs: atMs, windows };
      this.allowance.workerIdle(windows.windows);
    }
    this.running--;
  }

  outlook(atMs: number, { idleTimeoutMs, coldStartMs }: OutlookSettings): Outlook {
    const seats: Seat[] = [];
    let changesAtMs = Number.POSITIVE_INFINITY;
    const fixed = idleTimeoutMs === null ? null : keepFor(idleTimeoutMs);
    for (let rank = this.running + 1; rank <= this.unused.length; rank++) {
      const unused = this.unused[rank - 1]!;
      if (unused === null) continue;
      const { windows, isLearned } = fixed ?? unused.windows;
      const { sinceMs } = unused;
      const leadMs = isLearned ? coldStartMs : 0;
      // If the clock was set back, the worker became idle just now.
      const nowMs = Math.max(atMs, sinceMs);
      const next = windows.find(({ toMs }) => nowMs < sinceMs + toMs);
      if (next === undefined) continue;
      const opensAtMs = sinceMs + Math.max(0, next.fromMs - leadMs);
      const isOpen = nowMs >= opensAtMs;
      if (isOpen) {
        const keptMs = fixed === null ? next.toMs : -never;
        seats.push(this.seatOf(rank, nowMs - sinceMs, isLearned ? never : keptMs));
      }
      changesAtMs = Math.min(changesAtMs, isOpen ? sinceMs + next.toMs : opensAtMs);
    }
    seats.sort((a, b) => a.nextUseMs - b.nextUseMs || a.rank - b.rank);
    return { seats, changesAtMs };
  }

  /**
   * How long the worker of a call that has begun stays after it, if nobody starts workers ahead: a
   * worker that would stop and start again within `throughMs` stays.
   */
  keepMs(throughMs: number): number {
    const { windows } = this.windowsOf(Math.min(maxRanks, Math.max(1, this.running)));
    const last = windows.findLast(({ fromMs, toMs }) => fromMs === 0 || toMs <= throughMs);
    return last?.toMs ?? 0;
  }

  private observe(sinceMs: number, idleMs: number): void {
    const learned = this.learnedOf(this.running);
    // Workers that waited at the same time for the same burst are one observation.
    const isIndependent = sinceMs >= learned.observedAtMs;
    if (isIndependent) learned.observedAtMs = sinceMs + idleMs;
    learned.times.add(idleMs, isIndependent);
  }

  /** `replacedMs`: a worker is started only for a use that is expected by this idle time. */
  private seatOf(rank: number, idleMs: number, replacedMs: number): Seat {
    const medianMs = this.learned.get(classOf(rank))?.times.medianBeyondMs(idleMs) ?? null;
    // Without history: what has been unused for long stays unused for as long again.
    const nextUseMs = medianMs === null ? Math.max(1, idleMs) : Math.max(0, medianMs - idleMs);
    return { rank, idleMs, nextUseMs, mayStart: idleMs + nextUseMs <= replacedMs };
  }

  private windowsOf(rank: number): Windows {
    const learned = this.learnedOf(rank);
    const { times, cached } = learned;
    const { worthMs } = this.allowance;
    const isNear = (now: number, then: number) => Math.abs(now - then) <= recomputedPart * then;
    if (cached !== null && isNear(times.total, cached.total) && isNear(worthMs, cached.worthMs))
      return cached.windows;
    const windows = warmWindows(times, worthMs);
    learned.cached = { windows, total: times.total, worthMs };
    return windows;
  }

  private learnedOf(rank: number): Learned {
    const index = classOf(rank);
    let learned = this.learned.get(index);
    if (learned === undefined) {
      learned = notYet(new IdleTimes());
      this.learned.set(index, learned);
    }
    return learned;
  }

  /** Running calls are not included: whoever reads this starts without them. */
  plain(): unknown {
    const since = this.unused.map((unused) => unused?.sinceMs ?? null);
    return { since, times: [...this.learned].map(([index, { times }]) => [index, times.plain()]) };
  }

  /** Throws an error unless `plain` came from plain(). */
  static of(plain: unknown, allowance: Allowance): FunctionHistory {
    const { since, times } = plain as { since: unknown; times: [unknown, unknown][] };
    const history = new FunctionHistory(allowance);
    for (const [index, counts] of times) {
      if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= classes)
        throw new RangeError("not a stored history of calls");
      history.learned.set(index as number, notYet(IdleTimes.of(counts)));
    }
    const isTime = (each: unknown) => each === null || Number.isFinite(each);
    if (!Array.isArray(since) || since.length > maxRanks || !since.every(isTime))
      throw new RangeError("not a stored history of calls");
    for (const [index, sinceMs] of (since as (number | null)[]).entries())
      history.unused.push(
        sinceMs === null ? null : { sinceMs, windows: history.windowsOf(index + 1) },
      );
    return history;
  }
}

const notYet = (times: IdleTimes): Learned => ({
  times,
  observedAtMs: Number.NEGATIVE_INFINITY,
  cached: null,
});

/** 0 for rank 1, 1 for 2, 2 for 3 and 4, 3 for 5 to 8. */
const classOf = (rank: number): number => Math.min(classes - 1, Math.ceil(Math.log2(rank)));
