// What people want to run: endless work or arriving calls, of one length, distributed, or taken
// from a trace.

import { exponential, normal, type Random } from "../random.js";

/** A call from a trace of invocations; the first starts at 0. */
export interface TracedCall {
  readonly functionName: string;
  readonly user: string;
  readonly startMs: number;
  readonly durationMs: number;
}

export type Durations =
  | { readonly kind: "fixed"; readonly ms: number }
  | { readonly kind: "uniform"; readonly leastMs: number; readonly mostMs: number }
  | { readonly kind: "exponential"; readonly meanMs: number }
  | { readonly kind: "lognormal"; readonly medianMs: number; readonly sigma: number }
  | { readonly kind: "trace"; readonly calls: readonly TracedCall[] };

export type Arrivals =
  /** There is always more to run than fits. */
  | { readonly kind: "saturating" }
  /** A Poisson stream. */
  | { readonly kind: "rate"; readonly perSecond: number }
  /** As in the trace, repeated; twice as dense at `scale` 2. */
  | { readonly kind: "trace"; readonly scale: number };

export interface Demand {
  readonly durations: Durations;
  readonly arrivals: Arrivals;
  /** Each call takes one core and this. */
  readonly memoryMb: number;
}

export interface Call {
  readonly functionIndex: number;
  readonly user: string;
  readonly durationMs: number;
  /** What the scheduler is told: the most that this function takes. */
  readonly timeLimitMs: number;
}

/** The gap between the end of a repeated trace and its next start. */
const gapMs = 1;

/** Endless calls, one after the other, each with its time of arrival (0 for saturating demand). */
export class CallSource {
  private count = 0;
  private arrivedMs = 0;
  private readonly traced: readonly Call[];

  constructor(
    private readonly demand: Demand,
    private readonly random: Random,
  ) {
    const { durations } = demand;
    this.traced = durations.kind === "trace" ? callsOf(durations.calls) : [];
  }

  next(): { readonly call: Call; readonly arrivesAfterMs: number } {
    const call = this.nextCall();
    const arrivesAfterMs = this.nextArrival();
    this.count++;
    return { call, arrivesAfterMs };
  }

  private nextCall(): Call {
    const { durations } = this.demand;
    const drawn = (ms: number, mostMs: number): Call => ({
      functionIndex: 0,
      user: "user",
      durationMs: Math.max(1, Math.min(mostMs, Math.round(ms))),
      timeLimitMs: mostMs,
    });
    switch (durations.kind) {
      case "fixed":
        return drawn(durations.ms, durations.ms);
      case "uniform": {
        const { leastMs, mostMs } = durations;
        return drawn(leastMs + this.random() * (mostMs - leastMs), mostMs);
      }
      case "exponential":
        return drawn(exponential(this.random, durations.meanMs), Math.ceil(durations.meanMs * 12));
      case "lognormal": {
        const { medianMs, sigma } = durations;
        const mostMs = Math.ceil(medianMs * Math.exp(4 * sigma));
        return drawn(medianMs * Math.exp(sigma * normal(this.random)), mostMs);
      }
      case "trace":
        return this.traced[this.count % this.traced.length]!;
    }
  }

  private nextArrival(): number {
    const { arrivals, durations } = this.demand;
    if (arrivals.kind === "saturating") return 0;
    if (arrivals.kind === "rate") {
      this.arrivedMs += exponential(this.random, 1_000 / arrivals.perSecond);
      return Math.floor(this.arrivedMs);
    }
    const calls = durations.kind === "trace" ? durations.calls : [];
    const lengthMs = (calls.at(-1)?.startMs ?? 0) + gapMs;
    const round = Math.floor(this.count / calls.length);
    return Math.floor(
      (round * lengthMs + calls[this.count % calls.length]!.startMs) / arrivals.scale,
    );
  }
}

/** Limits are per function: its longest call, rounded up to whole seconds, as people write them. */
function callsOf(traced: readonly TracedCall[]): Call[] {
  const functions = new Map<string, { index: number; longestMs: number }>();
  for (const { functionName, durationMs } of traced) {
    const known = functions.get(functionName) ?? { index: functions.size, longestMs: 0 };
    known.longestMs = Math.max(known.longestMs, durationMs);
    functions.set(functionName, known);
  }
  return traced.map(({ functionName, user, durationMs }) => {
    const { index, longestMs } = functions.get(functionName)!;
    return {
      functionIndex: index,
      user,
      durationMs,
      timeLimitMs: Math.ceil(longestMs / 1_000) * 1_000,
    };
  });
}

/** The shortest call that this demand can contain. */
export function shortestCallMs(durations: Durations): number {
  switch (durations.kind) {
    case "fixed":
      return durations.ms;
    case "uniform":
      return durations.leastMs;
    case "trace":
      return durations.calls.reduce(
        (least, { durationMs }) => Math.min(least, durationMs),
        Number.POSITIVE_INFINITY,
      );
    case "exponential":
    case "lognormal":
      return 1;
  }
}
