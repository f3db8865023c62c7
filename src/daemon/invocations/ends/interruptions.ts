// What follows if code of its user ends the worker in which a call runs: the attempt is billed, and
// the call runs again.

import type { AttemptResult } from "../../../core/ports/store.js";
import type { Live } from "../../state/live-invocation.js";
import type { NextState } from "./lease-ends.js";

/** Each is billed: a function that ends its workers all the time must not cost without end. */
const maxInterruptions = 5;

export function afterInterruption(
  {
    endReason,
    interruptions,
    submission,
  }: Pick<Live, "endReason" | "interruptions" | "submission">,
  { reason }: Pick<AttemptResult, "reason">,
): NextState {
  if (endReason !== null) return { next: "CANCELLED", reason: endReason };
  if (submission.schedule?.once)
    return { next: "FAILED", reason: `--no-requeue allows one attempt: ${reason}` };
  if (interruptions + 1 < maxInterruptions) return { next: "PENDING", reason };
  const why = `the function's own code ended its worker in each of ${maxInterruptions} attempts: see that calls leave nothing behind that ends the process; the last time, ${reason}`;
  return { next: "FAILED", reason: why };
}
