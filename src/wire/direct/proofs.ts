// How a client and a leased worker prove to each other that they know the lease's key, without
// sending it: an HMAC over the worker's name and both nonces, each side with its own word.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

export type Side = "client" | "worker";

/** What both sides have said before they prove anything. */
export interface Challenge {
  /** INVOCATION.ATTEMPT. */
  readonly worker: string;
  /** 64 digits of lower-case hex each. */
  readonly clientNonce: string;
  readonly workerNonce: string;
}

const nonceBytes = 32;

export const newNonce = (): string => randomBytes(nonceBytes).toString("hex");

/** `key`: 32 bytes. */
export const proofOf = (
  side: Side,
  key: Uint8Array,
  { worker, clientNonce, workerNonce }: Challenge,
): string =>
  createHmac("sha256", key)
    .update(`gleaner-direct-1|${side}|${worker}|${clientNonce}|${workerNonce}`)
    .digest("hex");

/** In constant time; `given` is what a peer sent. */
export function isProof(given: string, side: Side, key: Uint8Array, over: Challenge): boolean {
  const expected = Buffer.from(proofOf(side, key, over));
  const got = Buffer.from(given);
  return got.length === expected.length && timingSafeEqual(got, expected);
}
