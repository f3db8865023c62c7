// The proofs of a run's handshake: each side shows that it knows the key, and nothing of it, under
// nonces of both sides, so that no recorded one is of use again.

import { createHmac, timingSafeEqual } from "node:crypto";

export interface Nonces {
  /** In hex, as both sent them. */
  readonly node: string;
  readonly client: string;
}

export const noncePattern = /^[0-9a-f]{64}$/;

/** `attempt`: INVOCATION.ATTEMPT. */
export const runProof = (
  key: Uint8Array,
  side: "client" | "node",
  attempt: string,
  { node, client }: Nonces,
): string =>
  createHmac("sha256", key)
    .update(`gleaner-run-1|${side}|${attempt}|${node}|${client}`)
    .digest("hex");

export const isSameProof = (given: string, expected: string): boolean =>
  given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
