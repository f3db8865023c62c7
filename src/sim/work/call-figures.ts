// The outcome of calls: finished, evicted, on time, how long they waited, and whether some lengths
// did worse.

import { percentiles } from "../../core/accounting/eviction-figures.js";
import type { Percentiles } from "../../model/records/utilization.js";
import type { Call } from "./demand.js";

/** Upper bounds of the classes of durations, in ms; an open class follows. */
const durationBoundsMs: readonly number[] = [100, 1_000, 10_000, 60_000, 300_000];
/**
 * A call is on time if it ended at most this long after the end it would have had with an immediate
 * start.
 */
const onTimeWithinMs = 1_000;

export interface DurationClass {
  /** null for the last class, which has no upper bound. */
  readonly atMostMs: number | null;
  readonly submitted: number;
  readonly finished: number;
  readonly evictedAttempts: number;
}

type Count = { -readonly [Key in Exclude<keyof DurationClass, "atMostMs">]: number };

export class CallFigures {
  refused = 0;
  stillWaiting = 0;
  stillRunning = 0;
  onTime = 0;
  private readonly classes: Count[] = [...durationBoundsMs, null].map(() => ({
    submitted: 0,
    finished: 0,
    evictedAttempts: 0,
  }));
  private readonly waits = new Sample();

  constructor(private readonly saturating: boolean) {}

  submitted(call: Call): void {
    this.classOf(call).submitted++;
  }

  evicted(call: Call): void {
    this.classOf(call).evictedAttempts++;
  }

  waited(ms: number): void {
    if (!this.saturating) this.waits.add(ms);
  }

  /** Waiting means nothing in an endless backlog: there the first attempt is on time. */
  finished(call: Call, attempts: number, lateMs: number): void {
    this.classOf(call).finished++;
    if (this.saturating ? attempts === 1 : lateMs <= onTimeWithinMs) this.onTime++;
  }

  /** null if demand is saturating. */
  waitMs(): Percentiles | null {
    return percentiles(this.waits.ascending());
  }

  durationClasses(): DurationClass[] {
    return this.classes
      .map((count, index) => ({ atMostMs: durationBoundsMs[index] ?? null, ...count }))
      .filter(({ submitted }) => submitted > 0);
  }

  private classOf(call: Call): Count {
    const found = durationBoundsMs.findIndex((atMostMs) => call.durationMs <= atMostMs);
    return this.classes[found === -1 ? durationBoundsMs.length : found]!;
  }
}

/**
 * A sample of many values: when it is full, it drops every second value, and from then on skips
 * them.
 */
class Sample {
  private values: number[] = [];
  private every = 1;
  private seen = 0;
  private largest = 0;

  add(value: number): void {
    this.largest = Math.max(this.largest, value);
    if (this.seen++ % this.every !== 0) return;
    this.values.push(value);
    if (this.values.length < 200_000) return;
    this.values = this.values.filter((_, index) => index % 2 === 0);
    this.every *= 2;
  }

  /** The largest value is exact. */
  ascending(): number[] {
    const sorted = [...this.values].sort((a, b) => a - b);
    if (sorted.length > 0) sorted[sorted.length - 1] = this.largest;
    return sorted;
  }
}
