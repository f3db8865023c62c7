// Converts a finished attempt to its posting in the ledger: integers only, rounded down once.

import type { Posting, RateCard } from "../../model/records/account.js";

export interface Usage {
  readonly cores: number;
  readonly memoryMb: number;
  /** Measured by the node's monotonic clock. */
  readonly wallMs: number;
}

/** The largest exact number, which is also the ledger's limit: no real usage comes near it. */
const mostExact = BigInt(Number.MAX_SAFE_INTEGER);
const bounded = (exact: bigint): number => Number(exact < mostExact ? exact : mostExact);

/** The core-milliseconds and memory-milliseconds of a usage. */
export function amountsOf({ cores, memoryMb, wallMs }: Usage): {
  readonly coreMs: number;
  readonly memoryMbMs: number;
} {
  const ms = BigInt(wallMs);
  return { coreMs: bounded(BigInt(cores) * ms), memoryMbMs: bounded(BigInt(memoryMb) * ms) };
}

/**
 * The price of a usage in micro-credits. Users pay for reserved memory, touched or not, because
 * nobody else could use it. Rounded down, so that nobody pays for unused resources. Uses BigInt,
 * because a long, wide attempt exceeds the 53 bits that a number holds exactly.
 */
export function priceMicroCredits(usage: Usage, rate: RateCard): number {
  const coreMs = BigInt(usage.cores) * BigInt(usage.wallMs);
  const memoryMbMs = BigInt(usage.memoryMb) * BigInt(usage.wallMs);
  const cores = (coreMs * BigInt(rate.microCreditsPerCoreSecond)) / 1_000n;
  const memory = (memoryMbMs * BigInt(rate.microCreditsPerGbSecond)) / 1_024_000n;
  return bounded(cores + memory);
}

/** The posting of one finished, billed attempt. */
export function postingOf(
  attempt: Pick<Posting, "invocation" | "attempt" | "uid" | "user">,
  usage: Usage,
  rate: RateCard,
  postedAtMs: number,
): Posting {
  return {
    invocation: attempt.invocation,
    attempt: attempt.attempt,
    uid: attempt.uid,
    user: attempt.user,
    ...amountsOf(usage),
    amountMicroCredits: priceMicroCredits(usage, rate),
    rate,
    postedAtMs,
  };
}
