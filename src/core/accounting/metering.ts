// From a finished attempt to its line in the ledger: integers only, rounded down once.

import type { Posting, RateCard } from "../../model/records/account.js";

export interface Usage {
  readonly cores: number;
  readonly memoryMb: number;
  /** Measured on the node's monotonic clock. */
  readonly wallMs: number;
}

/** What a number holds exactly, and the ledger takes: no real usage comes near. */
const mostExact = BigInt(Number.MAX_SAFE_INTEGER);
const bounded = (exact: bigint): number => Number(exact < mostExact ? exact : mostExact);

/** Core- and memory-milliseconds of a usage. */
export function amountsOf({ cores, memoryMb, wallMs }: Usage): {
  readonly coreMs: number;
  readonly memoryMbMs: number;
} {
  const ms = BigInt(wallMs);
  return { coreMs: bounded(BigInt(cores) * ms), memoryMbMs: bounded(BigInt(memoryMb) * ms) };
}

/**
 * The price of a usage in micro-credits. Reserved, not touched, memory is what others could not have, so it is
 * what is paid for. Rounded down: nobody pays for what was not used. BigInt inside, since a long wide attempt
 * leaves the 53 bits that a number holds exactly.
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
