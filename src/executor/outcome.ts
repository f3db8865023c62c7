// How an attempt ended: from what glean-spawn saw and what we did to it, to the end that is reported.

import type { AttemptEnd } from "../model/invocation.js";
import type { AttemptReport } from "../wire/messages.js";
import type { SpawnEnd } from "./runtimes/exec.js";

/** Why we ended an attempt, and when the first signal went out. */
export interface Ending {
  readonly end: Extract<AttemptEnd, "EVICTED" | "TIMEOUT" | "CANCELLED">;
  readonly reason: string;
  readonly atNs: bigint;
}

export type Outcome = Omit<AttemptReport, "invocation" | "attempt" | "agoMs">;

const unmeasured = { exitCode: null, signal: null, wallMs: 0, cpuMs: 0, maxRssMb: 0 };

/** A command that ended before our signal went out has its own end: what the process did decides. */
export function outcomeOf(end: SpawnEnd, ending: Ending | null): Outcome {
  switch (end.kind) {
    case "failed":
      if (ending !== null) return { ...unmeasured, end: ending.end, reason: ending.reason };
      return { ...unmeasured, end: "FAILED", reason: end.message };
    case "vanished":
      if (ending !== null) return { ...unmeasured, end: ending.end, reason: ending.reason };
      return { ...unmeasured, end: "LOST", reason: end.message };
    case "ended": {
      const decided = ending !== null && end.endNs >= ending.atNs ? ending : ownEnd(end);
      return {
        end: decided.end,
        reason: decided.reason,
        exitCode: end.signal === 0 ? end.exitCode : null,
        signal: end.signal === 0 ? null : end.signal,
        wallMs: Number((end.endNs - end.startNs) / 1_000_000n),
        cpuMs: end.cpuMs,
        maxRssMb: end.maxRssMb,
      };
    }
  }
}

function ownEnd(end: Extract<SpawnEnd, { kind: "ended" }>): {
  end: AttemptEnd;
  reason: string | null;
} {
  if (end.oomKills > 0)
    return { end: "OUT_OF_MEMORY", reason: "it used more memory than it asked for (see --mem)" };
  if (end.brokenProcessLimit !== null)
    return {
      end: "FAILED",
      reason: `it held more than ${end.brokenProcessLimit} processes and threads, the most for its cores`,
    };
  if (end.signal !== 0) return { end: "FAILED", reason: `it was ended by signal ${end.signal}` };
  return { end: end.exitCode === 0 ? "COMPLETED" : "FAILED", reason: null };
}
