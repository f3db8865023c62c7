// Billing nouns: rate card, posting, bill. Integers only: milliseconds and micro-credits.

import type { InvocationId } from "../ids.js";

/** Prices in micro-credits (a millionth of a credit). */
export interface RateCard {
  readonly microCreditsPerCoreSecond: number;
  readonly microCreditsPerGbSecond: number;
}

/** One line of the ledger: what one finished attempt used and costs. Posted once, never changed. */
export interface Posting {
  readonly invocation: InvocationId;
  readonly attempt: number;
  readonly uid: number;
  readonly user: string;
  readonly coreMs: number;
  readonly memoryMbMs: number;
  readonly amountMicroCredits: number;
  readonly rate: RateCard;
  readonly postedAtMs: number;
}

/** Sums: exact up to 2^53, above that the nearest number. */
export interface BillLine {
  readonly uid: number;
  /** The name at the last posting. */
  readonly user: string;
  /** Other names of the same uid in the time that is billed. */
  readonly otherNames: readonly string[];
  readonly invocations: number;
  readonly coreMs: number;
  readonly memoryMbMs: number;
  readonly amountMicroCredits: number;
}

/** The last posting of the ledger; whoever keeps it notices later if an older database was put back. */
export interface LedgerHead {
  /** How many postings were ever made. */
  readonly sequence: number;
  /** The seal of the last one: 64 hexadecimal digits; empty before the first posting. */
  readonly seal: string;
}

/** What recomputing the ledger from the attempts found. */
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
