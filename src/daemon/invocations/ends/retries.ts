// Lets a command that failed run again, as often as its owner allows (--retries).

import type { AttemptResult, Store } from "../../../core/ports/store.js";
import type { Live } from "../../state/live-invocation.js";
import type { NextState } from "./lease-ends.js";

/** `own`, or another attempt. The record counts: a restart of gleanerd gives no further ones. */
export async function retriedOr(
  store: Pick<Store, "listAttempts">,
  { id, endReason, submission }: Pick<Live, "id" | "endReason" | "submission">,
  { end, exitCode, reason }: Pick<AttemptResult, "end" | "exitCode" | "reason">,
  own: NextState,
): Promise<NextState> {
  const { retries = 0 } = submission.schedule ?? {};
  const isFailure = end === "FAILED" && own.next === "FAILED" && endReason === null;
  if (retries === 0 || !isFailure) return own;
  const attempts = await store.listAttempts(id);
  const failed = attempts.filter(({ state }) => state === "FAILED").length;
  if (failed >= retries) return own;
  const why = reason ?? `exit code ${exitCode}`;
  return { next: "PENDING", reason: `it failed (${why}): retry ${failed + 1} of ${retries}` };
}
