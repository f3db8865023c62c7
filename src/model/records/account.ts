// Billing terms: rate card, posting, bill. Integers only: milliseconds and micro-credits.

import type { InvocationId } from "../ids.js";

/** Prices in micro-credits (a millionth of a credit). */
export interface RateCard {
  readonly microCreditsPerCoreSecond: number;
  readonly microCreditsPerGbSecond: number;
}

/** The rate card of a site; null: as `microCreditsPerCoreSecond`. */
export interface Rates extends RateCard {
  readonly leases: {
    readonly [Kind in PostingKind as `${Kind}MicroCreditsPerCoreSecond`]: number | null;
  };
}

/**
 * What is paid for. `execution`: the cores and memory of an attempt; in a lease the processor time.
 * `hot`: the processor time of a lease that may spin. `held`: the rest of what a lease held.
 */
export type PostingKind = "execution" | "held" | "hot";

/**
 * One line of the ledger: the usage and the cost of one finished attempt, of one kind. Posted once,
 * never changed.
 */
export interface Posting {
  readonly invocation: InvocationId;
  readonly attempt: number;
  readonly kind: PostingKind;
  readonly uid: number;
  readonly user: string;
  readonly coreMs: number;
  readonly memoryMbMs: number;
  readonly amountMicroCredits: number;
  readonly rate: RateCard;
  readonly postedAtMs: number;
}

/** Sums: exact up to 2^53, rounded to the nearest number above. */
export interface BillLine {
  readonly uid: number;
  /** The name at the latest posting. */
  readonly user: string;
  /** Other names of the same uid in the billed period. */
  readonly otherNames: readonly string[];
  /** Those that are billed. */
  readonly attempts: number;
  readonly coreMs: number;
  /** The parts of it that leases held without using them, and in which they may have spun. */
  readonly heldCoreMs: number;
  readonly hotCoreMs: number;
  readonly memoryMbMs: number;
  readonly amountMicroCredits: number;
}

/**
 * The last posting of the ledger: with a copy of it you can tell later whether an older database
 * was restored.
 */
export interface LedgerHead {
  /** The number of postings ever made. */
  readonly sequence: number;
  /** The seal of the last one: 64 hexadecimal digits; empty before the first posting. */
  readonly seal: string;
}

/** The result of recomputing the ledger from the attempts. */
export interface LedgerCheck {
  readonly balanced: boolean;
  readonly attempts: number;
  readonly postings: number;
  readonly ledgerMicroCredits: number;
  readonly recomputedMicroCredits: number;
  readonly head: LedgerHead;
  /** The first few differences, one sentence each. */
  readonly differences: readonly string[];
}
