// What follows from the end of a leased worker: it is replaced, or it and its lease are over.

import { hotMsOf } from "../../../core/accounting/metering.js";
import { LeaseCrashes } from "../../../core/functions/lease-crashes.js";
import type { Heat } from "../../../core/ports/leases.js";
import type { AttemptResult } from "../../../core/ports/store.js";
import type { CallAnswer } from "../../../model/call.js";
import type { LeaseTerms, LeaseUsage } from "../../../model/functions/lease.js";
import type { InvocationState } from "../../../model/invocation.js";
import type { StartFailure } from "../../../model/records/start-failure.js";
import type { Events } from "../../state/events.js";
import type { Live } from "../../state/live-invocation.js";

/** What matters here of the facts of an end. */
export interface LeaseEnd extends Pick<AttemptResult, "end" | "reason" | "wallMs" | "cpuMs"> {
  readonly answer?: CallAnswer | undefined;
  readonly startFailure?: StartFailure | undefined;
  /** The worker's word. */
  readonly lease?: LeaseUsage | undefined;
}

/** What a worker says of its spinning cannot be more than what is measured. */
export function heatOf(terms: LeaseTerms | undefined, facts: LeaseEnd): Heat {
  if (terms === undefined) return { hotMs: null, spinMs: null };
  const hotMs = hotMsOf(terms, facts);
  return { hotMs, spinMs: Math.min(hotMs, Math.floor(facts.lease?.spinMs ?? 0)) };
}

export interface NextState {
  readonly next: InvocationState;
  readonly reason: string | null;
}

export class LeaseEnds {
  private readonly crashes = new LeaseCrashes();

  constructor(private readonly events: Events) {}

  /** null: as for any other attempt. */
  nextState(live: Live, facts: LeaseEnd): NextState | null {
    if (live.digest.lease === undefined) return null;
    const { endReason, requeueRequested } = live;
    const crash = crashOf(live, facts);
    if (crash !== null && endReason === null) {
      const reason = this.crashes.whyOver(crash);
      return reason === null
        ? { next: "PENDING", reason: `its worker crashed: ${crash.message}` }
        : { next: facts.end as InvocationState, reason };
    }
    if (facts.end !== "COMPLETED") return null;
    if (endReason !== null) return { next: "COMPLETED", reason: endReason };
    return requeueRequested ? { next: "PENDING", reason: "requeued by its owner" } : null;
  }

  /** Its end is on record. */
  ended(live: Live, facts: LeaseEnd): void {
    const { lease, version } = live.digest;
    if (lease === undefined || facts.wallMs === 0) return;
    const crash = crashOf(live, facts);
    if (crash === null) {
      this.crashes.served({ uid: live.owner.uid, version: version! });
      return;
    }
    const reason = this.crashes.whyOver(crash);
    this.crashes.crashed(crash);
    if (reason !== null)
      this.events.publish({ type: "leaseFailed", lease: live.arrayJobId!, reason });
  }
}

/** null unless the process of a worker that ran ended, not for its code or for the lack of time. */
function crashOf(live: Live, { end, wallMs, reason, answer, startFailure }: LeaseEnd) {
  if (end !== "FAILED" && end !== "OUT_OF_MEMORY") return null;
  if (wallMs === 0 || answer?.kind === "notLoaded" || startFailure !== undefined) return null;
  const message = reason ?? "its process ended";
  return { uid: live.owner.uid, version: live.digest.version!, wallMs, message };
}
