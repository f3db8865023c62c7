// Converts a finished attempt to its postings in the ledger: integers only, rounded down once each.

import { type LeaseTerms, leaseShares } from "../../model/functions/lease.js";
import { type AttemptState, isBilled } from "../../model/invocation.js";
import type { Posting, PostingKind, RateCard, Rates } from "../../model/records/account.js";

export interface Usage {
  readonly cores: number;
  readonly memoryMb: number;
  /** Measured by the node's monotonic clock. */
  readonly wallMs: number;
}

/** What is measured of an attempt, outside its processes. */
export interface Measured extends Usage {
  /** The part of wallMs that it pays, if other calls shared its worker; null: all of it. */
  readonly shareMs: number | null;
  readonly cpuMs: number;
  /** The processor time for which the price of spinning applies; null unless it is a lease. */
  readonly hotMs: number | null;
}

/** The part of an attempt's usage that one posting covers. */
export interface Charge {
  readonly kind: PostingKind;
  readonly coreMs: number;
  readonly memoryMbMs: number;
}

/** The largest exact number, which is also the ledger's limit: no real usage comes near it. */
const mostExact = BigInt(Number.MAX_SAFE_INTEGER);
const bounded = (exact: bigint): number => Number(exact < mostExact ? exact : mostExact);

/** The core-milliseconds and memory-milliseconds of a usage. */
function amountsOf({ cores, memoryMb, wallMs }: Usage): {
  readonly coreMs: number;
  readonly memoryMbMs: number;
} {
  const ms = BigInt(wallMs);
  return { coreMs: bounded(BigInt(cores) * ms), memoryMbMs: bounded(BigInt(memoryMb) * ms) };
}

/**
 * From outside a worker, spinning and calls look the same. So where a lease may spin, its processor
 * time counts as hot, up to the time of the one core that can spin.
 */
export const hotMsOf = (
  { hotMs }: Pick<LeaseTerms, "hotMs">,
  { wallMs, cpuMs }: Pick<Measured, "wallMs" | "cpuMs">,
): number => (hotMs === 0 ? 0 : Math.min(wallMs, cpuMs));

/** A leased worker pays until its eviction, because its client chose how long to hold it. */
export const isCharged = (
  end: AttemptState,
  { wallMs, hotMs }: Pick<Measured, "wallMs" | "hotMs">,
): boolean =>
  end === "EVICTED" ? hotMs !== null && wallMs > 0 : end !== "RUNNING" && isBilled(end);

/**
 * What a charged attempt pays for: each core-millisecond once, so calls that share a worker have
 * each a part of its time. A lease holds its memory from its
 * grant to its end, and the cores that it does not use.
 */
export function chargesOf(measured: Measured): readonly Charge[] {
  const { wallMs, shareMs } = measured;
  const { coreMs, memoryMbMs } = amountsOf({ ...measured, wallMs: shareMs ?? wallMs });
  if (measured.hotMs === null) return [{ kind: "execution", coreMs, memoryMbMs }];
  const { executionMs, heldMs, hotMs } = leaseShares(coreMs, measured.cpuMs, measured.hotMs);
  const charges: Charge[] = [{ kind: "execution", coreMs: executionMs, memoryMbMs: 0 }];
  if (heldMs > 0 || memoryMbMs > 0) charges.push({ kind: "held", coreMs: heldMs, memoryMbMs });
  if (hotMs > 0) charges.push({ kind: "hot", coreMs: hotMs, memoryMbMs: 0 });
  return charges;
}

/**
 * The price of a charge in micro-credits. Users pay for reserved memory, touched or not, because
 * nobody else could use it. Rounded down, so that nobody pays for unused resources. Uses BigInt,
 * because a long, wide attempt exceeds the 53 bits that a number holds exactly.
 */
export function priceMicroCredits({ coreMs, memoryMbMs }: Omit<Charge, "kind">, rate: RateCard) {
  const cores = (BigInt(coreMs) * BigInt(rate.microCreditsPerCoreSecond)) / 1_000n;
  const memory = (BigInt(memoryMbMs) * BigInt(rate.microCreditsPerGbSecond)) / 1_024_000n;
  return bounded(cores + memory);
}

/** The price of a core-second in a lease is the usual one unless the site names another. */
function rateOf(kind: PostingKind, isLease: boolean, rates: Rates): RateCard {
  const { microCreditsPerCoreSecond, microCreditsPerGbSecond, leases } = rates;
  const own = isLease ? leases[`${kind}MicroCreditsPerCoreSecond`] : null;
  return {
    microCreditsPerCoreSecond: own ?? microCreditsPerCoreSecond,
    microCreditsPerGbSecond,
  };
}

/** The postings of one finished, charged attempt. */
export function postingsOf(
  attempt: Pick<Posting, "invocation" | "attempt" | "uid" | "user">,
  measured: Measured,
  rates: Rates,
  postedAtMs: number,
): readonly Posting[] {
  const { invocation, attempt: number, uid, user } = attempt;
  return chargesOf(measured).map((charge) => {
    const rate = rateOf(charge.kind, measured.hotMs !== null, rates);
    const amountMicroCredits = priceMicroCredits(charge, rate);
    return {
      invocation,
      attempt: number,
      uid,
      user,
      ...charge,
      amountMicroCredits,
      rate,
      postedAtMs,
    };
  });
}
