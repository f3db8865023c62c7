// What a millisecond of work is worth by its length, while there is room for few: what waits longer than the rest becomes dearer.

/** Work of one length: so many core-ms of runs that usually take so long. */
export interface Work {
  readonly usualMs: number;
  readonly coreMs: number;
}

/** A hole as work of some length sees it: how likely it outlasts that. */
export interface Chances {
  chance(aheadMs: number): number;
}

/** A price for each octave from 1 ms to 2^31 ms, the longest time limit; of lengths between them the logarithms lie on a line. */
const knots = 32;
/** What was given to each length is remembered for about an hour: several runs of most functions. */
const halfLifeMs = 3_600_000;
/** Prices are drawn up anew this often: what waits and runs changes in minutes. */
const pauseMs = 10_000;
/** A look after a long pause counts for no more than this. */
const mostPassedMs = 60_000;
/** A length's share of what waits or was given is no smaller: work of next to nothing must not be worth a fortune. */
const leastShare = 1e-4;
/** Of those shares' ratio; what was never given anything is dearest. */
const mostLag = 50;
/**
 * What waits twice as long as the rest costs 7 % more. A price that answers faster swings between lengths instead of finding the one
 * at which each length gets what it asks for.
 */
const promptness = 0.1;
/** And after an hour of that 1.4 % more, and so on: in the long run all lengths wait about as long. */
const driftPerHour = 0.02;

/**
 * The lag of a length is its share of what waits beside its share of what was given of late: by Little's law how long it waits
 * beside the rest. The logarithm of its price follows that of the lag, at once by a little and over hours by more (a PI controller).
 */
export class Prices {
  private readonly givenMs = new Float64Array(knots);
  private readonly drifts = new Float64Array(knots);
  /** Natural logarithms. */
  private readonly prices = new Float64Array(knots);
  private lookedAtMs: number | null = null;

  /** So much work was begun. */
  began({ usualMs, coreMs }: Work): void {
    spread(this.givenMs, usualMs, coreMs);
  }

  /** What waits at `nowMs`. */
  look(waiting: Iterable<Work>, nowMs: number): void {
    const { givenMs, drifts } = this;
    const sinceMs = nowMs - (this.lookedAtMs ?? nowMs - pauseMs);
    if (sinceMs >= 0 && sinceMs < pauseMs) return;
    this.lookedAtMs = nowMs;
    // A clock that was set back says nothing of what passed.
    const passedMs = Math.max(0, sinceMs);
    const waits = new Float64Array(knots);
    for (const { usualMs, coreMs } of waiting) spread(waits, usualMs, coreMs);
    const waitsInAll = sum(waits);
    const givenInAll = sum(givenMs);
    // Before anything was given nothing lags.
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
    // Only what one costs beside another matters.
    for (let knot = 0; knot < knots; knot++) drifts[knot]! -= meanDrift;
    const keep = 0.5 ** (passedMs / halfLifeMs);
    for (let knot = 0; knot < knots; knot++) givenMs[knot]! *= keep;
  }

  /** What a millisecond of work of this length is worth, beside others. */
  of(usualMs: number): number {
    const { knot, part } = placeOf(usualMs);
    return Math.exp((1 - part) * this.prices[knot]! + part * this.prices[knot + 1]!);
  }
}

/** Worth this close counts as equal: then it is the waiting's turn that decides, not who is a little shorter. */
const equalWorth = 0.01;

/**
 * Which holes each length should have: those where its work, as likely as it is to be finished there and at its price, is worth as
 * much as any other's. Short work is nearly as safe in young holes as in old ones, so it is worth most where long work is worth little.
 */
export class Market {
  private readonly mostWorth = new Map<Chances, number>();

  /** `lengths`: those of what waits. */
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
