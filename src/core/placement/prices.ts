// Prices a millisecond of work by its length while capacity is scarce: lengths that wait longer
// than the rest become dearer.

/** Work of one length: core-milliseconds of runs that usually take `usualMs`. */
export interface Work {
  readonly usualMs: number;
  readonly coreMs: number;
}

/**
 * A hole from the point of view of work of some length: the probability that it lasts long enough.
 */
export interface Chances {
  chance(aheadMs: number): number;
}

/**
 * One price for each octave from 1 ms to 2^31 ms, the longest time limit; prices between them are
 * interpolated logarithmically.
 */
const knots = 32;
/**
 * The model remembers what each length received for about an hour: several runs of most functions.
 */
const halfLifeMs = 3_600_000;
/** How often prices are recalculated: the waiting and running work changes within minutes. */
const pauseMs = 10_000;
/** The longest time that one recalculation accounts for. */
const mostPassedMs = 60_000;
/**
 * The smallest share of waiting or assigned work of any length: tiny amounts of work must not fetch
 * a huge price.
 */
const leastShare = 1e-4;
/** Limits the ratio of those shares; a length that never received anything is dearest. */
const mostLag = 50;
/**
 * Work that waits twice as long as the rest costs 7 % more. A price that reacts faster oscillates
 * between lengths instead of settling where each length gets what it asks for.
 */
const promptness = 0.1;
/**
 * After an hour of that, it costs another 1.4 % more, and so on: in the long run all lengths wait
 * about equally long.
 */
const driftPerHour = 0.02;

/**
 * The lag of a length is its share of the waiting work divided by its share of the recently
 * assigned work: by Little's law, its relative waiting time. The logarithm of its price follows the
 * logarithm of the lag, at once by a little and over hours by more (a PI controller).
 */
export class Prices {
  private readonly givenMs = new Float64Array(knots);
  private readonly drifts = new Float64Array(knots);
  /** Natural logarithms of the prices. */
  private readonly prices = new Float64Array(knots);
  private lookedAtMs: number | null = null;

  /** Work that was started. */
  began({ usualMs, coreMs }: Work): void {
    spread(this.givenMs, usualMs, coreMs);
  }

  /** Work that waits at `nowMs`. */
  look(waiting: Iterable<Work>, nowMs: number): void {
    const { givenMs, drifts } = this;
    const sinceMs = nowMs - (this.lookedAtMs ?? nowMs - pauseMs);
    if (sinceMs >= 0 && sinceMs < pauseMs) return;
    this.lookedAtMs = nowMs;
    // If the clock was set back, the elapsed time is unknown.
    const passedMs = Math.max(0, sinceMs);
    const waits = new Float64Array(knots);
    for (const { usualMs, coreMs } of waiting) spread(waits, usualMs, coreMs);
    const waitsInAll = sum(waits);
    const givenInAll = sum(givenMs);
    // Nothing lags before the first assignment.
    if (waitsInAll === 0 || givenInAll === 0) return;
    const hours = Math.min(passedMs, mostPassedMs) / 3_600_000;
    let meanDrift = 0;
    for (let knot = 0; knot < knots; knot++) {
      const given = givenMs[knot]! / givenInAll;
      const ratio = (waits[knot]! / waitsInAll + leastShare) / (given + leastShare);
      const lag = Math.log(Math.min(mostLag, Math.max(1 / mostLag, ratio)));
      drifts[knot]! += driftPerHour * hours * lag;
      this.prices[knot] = promptness * lag + drifts[knot]!;
      meanDrift += given * drifts[knot]!;
    }
    // Only relative prices matter.
    for (let knot = 0; knot < knots; knot++) drifts[knot]! -= meanDrift;
    const keep = 0.5 ** (passedMs / halfLifeMs);
    for (let knot = 0; knot < knots; knot++) givenMs[knot]! *= keep;
  }

  /** The relative value of a millisecond of work of this length. */
  of(usualMs: number): number {
    const { knot, part } = placeOf(usualMs);
    return Math.exp((1 - part) * this.prices[knot]! + part * this.prices[knot + 1]!);
  }
}

/**
 * Values this close count as equal: then the order of the queue decides, not a slightly shorter
 * length.
 */
const equalWorth = 0.01;

/**
 * Decides which holes suit each length: those where its work, weighted by its price and by its
 * probability of finishing there, is worth at least as much as work of any other length. Short work
 * is nearly as safe in young holes as in old ones, so it is worth most where long work is worth
 * little.
 */
export class Market {
  private readonly mostWorth = new Map<Chances, number>();

  /** `lengths` are those of the waiting work. */
  constructor(
    private readonly lengths: Iterable<number>,
    private readonly prices: Prices,
  ) {}

  suits(usualMs: number, hole: Chances): boolean {
    return this.worth(usualMs, hole) >= (1 - equalWorth) * this.mostWorthOf(hole);
  }

  private worth(usualMs: number, hole: Chances): number {
    return this.prices.of(usualMs) * hole.chance(usualMs);
  }

  private mostWorthOf(hole: Chances): number {
    let most = this.mostWorth.get(hole);
    if (most === undefined) {
      most = 0;
      for (const usualMs of this.lengths) most = Math.max(most, this.worth(usualMs, hole));
      this.mostWorth.set(hole, most);
    }
    return most;
  }
}

function placeOf(usualMs: number): { readonly knot: number; readonly part: number } {
  const octave = Math.min(knots - 1, Math.log2(Math.max(1, usualMs)));
  const knot = Math.min(knots - 2, Math.floor(octave));
  return { knot, part: octave - knot };
}

function spread(amounts: Float64Array, usualMs: number, amount: number): void {
  const { knot, part } = placeOf(usualMs);
  amounts[knot]! += (1 - part) * amount;
  amounts[knot + 1]! += part * amount;
}

const sum = (values: Float64Array): number => values.reduce((total, each) => total + each, 0);
