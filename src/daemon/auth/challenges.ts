// Challenges of the token exchange: each credential answers one, so that it is valid for this
// daemon and address, once.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { monotonicMs } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import {
  type CredentialClaims,
  type Endpoint,
  readCredentialPayload,
  shownEndpoint,
} from "../../wire/munge/credential.js";

/**
 * Between the challenge and its use, a client asks munged once; a busy login node may take seconds.
 */
export const challengeMs = 60_000;
/**
 * The most tokens that one user may request within challengeMs: one for each command of a large
 * script without a cache.
 */
export const maxRedeemedPerUser = 1_000;
/** Over all users: each takes 100 bytes until it expires. */
const maxRedeemed = 100_000;

/** `random.expiry.mac`, so that issued challenges take no memory, however many are requested. */
const nonceShape = /^([0-9a-f]{32})\.([0-9a-z]{1,11})\.([0-9a-f]{32})$/;

interface Redeemed {
  readonly uid: number;
  readonly expiresAtMs: number;
}

/**
 * Remembers only challenges that a known user's credential has used: nobody can fill the memory
 * without an identity.
 */
export class Challenges {
  /**
   * Lives as long as this process: challenges of an earlier one are void, and so is its list of
   * used ones.
   */
  private readonly key = randomBytes(32);
  /** In the order of their use, which may differ slightly from the order of their expiry. */
  private readonly redeemed = new Map<string, Redeemed>();
  private readonly perUser = new Map<number, number>();

  constructor(private readonly instance: string) {}

  issue(): { readonly instance: string; readonly nonce: string } {
    const random = randomBytes(16).toString("hex");
    const expiry = (monotonicMs() + challengeMs).toString(36);
    return {
      instance: this.instance,
      nonce: `${random}.${expiry}.${this.mac(`${random}.${expiry}`)}`,
    };
  }

  /**
   * Accepts a credential's payload once, if it answers one of our challenges and was made for
   * `here`, the address that the client's connection reached. Throws NOT_IDENTIFIED, or
   * LIMIT_REACHED for too many at a time.
   */
  redeem(payload: string, uid: number, here: Endpoint): void {
    const claims = readCredentialPayload(payload);
    if (claims === null)
      throw new GleanerError("NOT_IDENTIFIED", "the munge credential was made for another service");
    this.checkPlace(claims, here);
    const expiresAtMs = this.expiryOf(claims.nonce);
    this.forgetExpired();
    if (expiresAtMs === null || expiresAtMs <= monotonicMs() || this.redeemed.has(claims.nonce))
      throw new GleanerError(
        "NOT_IDENTIFIED",
        "the challenge in the munge credential was used already, has expired, or is not from this gleanerd: request a new one at /v1/challenge",
      );
    const used = this.perUser.get(uid) ?? 0;
    if (used >= maxRedeemedPerUser || this.redeemed.size >= maxRedeemed)
      throw new GleanerError(
        "LIMIT_REACHED",
        `you requested more than ${maxRedeemedPerUser} tokens within ${challengeMs / 1_000} s: reuse a token, or wait a minute`,
      );
    this.redeemed.set(claims.nonce, { uid, expiresAtMs });
    this.perUser.set(uid, used + 1);
  }

  private checkPlace({ address, instance }: CredentialClaims, here: Endpoint): void {
    const reached = shownEndpoint(here);
    if (address !== reached)
      throw new GleanerError(
        "NOT_IDENTIFIED",
        `the munge credential was made for ${address} and arrived at ${reached}: another program relayed it: connect to gleanerd directly, and check listen.host and listen.apiPort`,
      );
    if (instance !== this.instance)
      throw new GleanerError(
        "NOT_IDENTIFIED",
        "the munge credential was made for another gleanerd: ask for a challenge at /v1/challenge",
      );
  }

  private expiryOf(nonce: string): number | null {
    const [, random, expiry, mac] = nonceShape.exec(nonce) ?? [];
    if (random === undefined || expiry === undefined || mac === undefined) return null;
    const expected = Buffer.from(this.mac(`${random}.${expiry}`));
    return timingSafeEqual(Buffer.from(mac), expected) ? Number.parseInt(expiry, 36) : null;
  }

  private mac(text: string): string {
    return createHmac("sha256", this.key).update(text).digest("hex").slice(0, 32);
  }

  /**
   * Removes the oldest first; a challenge used late may keep an expired one for at most
   * challengeMs.
   */
  private forgetExpired(): void {
    for (const [nonce, { uid, expiresAtMs }] of this.redeemed) {
      if (expiresAtMs > monotonicMs()) return;
      this.redeemed.delete(nonce);
      const left = this.perUser.get(uid)! - 1;
      if (left === 0) this.perUser.delete(uid);
      else this.perUser.set(uid, left);
    }
  }
}
