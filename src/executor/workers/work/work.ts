// What a worker does for an attempt: one call, or serving the clients of a lease.

import type { CallAnswer } from "../../../model/call.js";
import type { LeaseUsage } from "../../../model/functions/lease.js";
import type { Sending } from "../../../workers/outgoing.js";
import type { WorkerChannel } from "../../../workers/worker-channel.js";

/** How it ended while its worker lives on. */
export type WorkEnd = { readonly leaves?: boolean } & (
  | { readonly kind: "answered"; readonly answer: CallAnswer }
  | { readonly kind: "unanswered"; readonly message: string }
  /** A lease; one sentence if the node itself ended it. */
  | { readonly kind: "served"; readonly reason: string | null }
);

export interface Work {
  /** Its processor time is measured as that of all processes of its worker. */
  readonly isLease: boolean;
  /** By which its worker's log names it; null before it begins. */
  readonly id: number | null;
  /** How far its input is. */
  readonly sending: Sending;
  /**
   * Called once, when the worker is ready. Resolves with null if the worker is lost; `leaves`: it
   * must get no other work.
   */
  begin(channel: WorkerChannel): Promise<WorkEnd | null>;
  /** Asks the worker to end it; only after `begin`. */
  stop(): void;
  /** What the worker has said of itself; null for a call. */
  readonly usage: LeaseUsage | null;
  /** It has ended, or its worker has. */
  close(): void;
}
