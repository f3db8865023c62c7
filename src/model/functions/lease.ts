// A lease: workers that serve a client directly for a time. It is a submission whose calls are told
// to serve; its id is the submission's.

import type { Shaped } from "../shaped.js";
import type { leaseTerms } from "../shapes/submission.js";

/** What its client asked for, on record with the submission. */
export type LeaseTerms = Shaped<typeof leaseTerms>;

/** What is in memory of a lease that has not ended. */
export interface LeaseDigest extends LeaseTerms {
  /** The longest that a call may take, as its function says. */
  readonly callLimitMs: number;
}

/** What a worker says of itself since it serves: shown to people, never billed. */
export interface LeaseUsage {
  readonly calls: number;
  /** The time that handlers ran, over all of them. */
  readonly busyMs: number;
  /** The time that the worker spun beyond calls. */
  readonly spinMs: number;
}

/** Where clients reach a worker; the node's address comes from Slurm. */
export interface ServingAt {
  readonly port: number;
  /** An abstract Unix socket, without the leading NUL. */
  readonly socket: string;
  /** The boot id of its machine: clients with the same one use the socket. */
  readonly hostId: string;
}

/** What the core-time of a leased worker was: the three add up to what it held. */
export function leaseShares(coreMs: number, cpuMs: number, spunMs: number) {
  const usedMs = Math.min(cpuMs, coreMs);
  const hotMs = Math.min(spunMs, usedMs);
  return { executionMs: usedMs - hotMs, heldMs: coreMs - usedMs, hotMs };
}
