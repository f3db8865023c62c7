// How an attempt ended, before anything follows from that.

import { nowMs } from "../../../clock.js";
import type { AttemptResult } from "../../../core/ports/store.js";
import type { CallAnswer, CallPhases } from "../../../model/call.js";
import type { LeaseUsage } from "../../../model/functions/lease.js";
import type { InvocationId } from "../../../model/ids.js";
import type { AttemptEnd } from "../../../model/invocation.js";
import type { StartFailure } from "../../../model/records/start-failure.js";

/** An end as an executor reports it, or as the daemon has it if the executor was lost. */
export type EndFacts = Omit<
  AttemptResult,
  "next" | "postings" | "answer" | "log" | "phases" | "shareMs" | "hotMs" | "spinMs"
> & {
  readonly shareMs?: number | undefined;
  readonly paceUs?: number | undefined;
  readonly startFailure?: StartFailure | undefined;
  readonly isInterrupted?: boolean | undefined;
  readonly answer?: CallAnswer | undefined;
  readonly log?: Uint8Array | undefined;
  readonly phases?: CallPhases | undefined;
  readonly lease?: LeaseUsage | undefined;
};

/** null if it started, or was ended before it could. */
export const startFailureOf = ({ end, wallMs, startFailure }: EndFacts): StartFailure | null =>
  end === "FAILED" && wallMs === 0 ? (startFailure ?? null) : null;

/** The facts of an attempt that ended with its executor and left no report. */
export function lostFacts(
  { invocation, attempt }: { readonly invocation: InvocationId; readonly attempt: number },
  reason: string,
  end: AttemptEnd = "LOST",
): EndFacts {
  return {
    invocation,
    attempt,
    end,
    exitCode: null,
    signal: null,
    wallMs: 0,
    cpuMs: 0,
    maxRssMb: 0,
    reason,
    endedAtMs: nowMs(),
  };
}
