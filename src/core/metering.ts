// From a finished attempt to its line in the ledger: integers only, rounded down once.

import type { Posting, RateCard } from "../model/account.js";
import { assert } from "../model/errors.js";

export interface Usage {
  readonly cores: number;
  readonly memoryMb: number;
  /** Measured on the node's monotonic clock. */
  readonly wallMs: number;
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
  const amount = Number(cores + memory);
  assert(Number.isSafeInteger(amount), "a price is an exact integer");
  return amount;
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
    coreMs: usage.cores * usage.wallMs,
    memoryMbMs: usage.memoryMb * usage.wallMs,
    amountMicroCredits: priceMicroCredits(usage, rate),
    rate,
    postedAtMs,
  };
}
