// How much of gleanerd's disk each user's contents take, and how much more they may.

import { mostOf } from "../../core/submission/user-share.js";
import { GleanerError } from "../../model/errors.js";

const mebibyte = 1024 * 1024;

export interface QuotaPolicy {
  readonly maxMb: number;
  readonly maxMbOfUser: number;
}

/** A user has no room for a content; the sentence says what they can do. */
export class QuotaError extends GleanerError {
  constructor(message: string) {
    super("LIMIT_REACHED", message);
  }
}

export class Quota {
  /** With what is on its way. */
  private readonly byUid = new Map<number, number>();
  private total = 0;

  constructor(private readonly policy: QuotaPolicy) {}

  /** Counts a content, or one that was removed, without asking. */
  add(uid: number, bytes: number): void {
    const own = this.of(uid) + bytes;
    if (own > 0) this.byUid.set(uid, own);
    else this.byUid.delete(uid);
    this.total += bytes;
  }

  of(uid: number): number {
    return this.byUid.get(uid) ?? 0;
  }

  /** Counts a content that is about to be written; throws LIMIT_REACHED if it has no room. */
  require(uid: number, bytes: number): void {
    const { maxMb, maxMbOfUser } = this.policy;
    const own = this.of(uid);
    const share = mostOf(maxMb * mebibyte, this.total - own);
    const most = Math.min(share, maxMbOfUser * mebibyte);
    if (own + bytes > most)
      throw new QuotaError(
        `your functions, inputs and results would take ${own + bytes} bytes of gleanerd's disk, and the limit for one user is ${most} at present (blobs.maxMbOfUser is ${maxMbOfUser}, blobs.maxMb is ${maxMb}): remove functions or versions with glean function remove, or wait until old results are removed`,
      );
    this.add(uid, bytes);
  }
}
