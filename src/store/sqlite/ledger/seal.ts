// Seals of the ledger: an HMAC over each record, with a key that is not in the database.

import { createHmac, timingSafeEqual } from "node:crypto";
import type { PostingKind } from "../../../model/records/account.js";

/** A posting in the form in which it is sealed. */
export interface SealedPosting {
  readonly sequence: number;
  /** The seal of the previous posting. */
  readonly previous: string;
  readonly invocation: number;
  readonly attempt: number;
  readonly kind: PostingKind;
  readonly uid: number;
  readonly user: string;
  readonly coreMs: number;
  readonly memoryMbMs: number;
  readonly amountMicroCredits: number;
  readonly microCreditsPerCoreSecond: number;
  readonly microCreditsPerGbSecond: number;
  readonly postedAtMs: number;
}

/** The number of postings ever made, and the seal of the last one. */
export interface SealedHead {
  readonly sequence: number;
  readonly seal: string;
}

/** All columns of a day's sum but its kind, in the table's order. */
export type SealedDay = readonly (number | string | bigint)[];

/** Seals from before there were kinds stay valid. */
const ofKind = (kind: PostingKind): readonly string[] => (kind === "execution" ? [] : [kind]);

export class LedgerSeal {
  private readonly key: Buffer;

  /** `key` in hex; gleanerd derives it from its own. */
  constructor(key: string) {
    this.key = Buffer.from(key, "hex");
  }

  posting(of: SealedPosting): string {
    return this.mac("posting", [
      ...[of.sequence, of.previous, of.invocation, of.attempt, of.uid, of.user],
      ...[of.coreMs, of.memoryMbMs, of.amountMicroCredits],
      ...[of.microCreditsPerCoreSecond, of.microCreditsPerGbSecond, of.postedAtMs],
      ...ofKind(of.kind),
    ]);
  }

  head({ sequence, seal }: SealedHead): string {
    return this.mac("head", [sequence, seal]);
  }

  /** Seals a range of removed postings, by their sequence numbers. */
  removed(first: number, last: number): string {
    return this.mac("removed", [first, last]);
  }

  day(of: SealedDay, kind: PostingKind): string {
    return this.mac("day", [...of, ...ofKind(kind)]);
  }

  private mac(kind: string, values: readonly (number | string | bigint)[]): string {
    const text = JSON.stringify([kind, ...values.map(String)]);
    return createHmac("sha256", this.key).update(text).digest("hex");
  }
}

export function sealsAgree(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
