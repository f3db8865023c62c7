// Reconciles the attempts that daemon and executor hold, and their time limits, when the executor
// connects.

import type { AttemptKey } from "../../wire/messages.js";
import type { Assignment } from "../state/assignments.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";

/** More attempts than run on any node. */
const mostRunning = 4_096;

/**
 * Tells the executor to end what it should not run. Returns the attempts that we gave to it but
 * that it does not answer for: they never started there, or are lost.
 */
export function reconcile(
  record: ExecutorRecord,
  answersFor: readonly AttemptKey[],
  live: LiveInvocations,
): readonly Assignment[] {
  // Running attempts are listed before those that only wait to be recorded.
  for (const key of answersFor.slice(0, mostRunning)) {
    const ours = record.attempts.get(key.invocation);
    if (ours?.attempt !== key.attempt) record.line?.send({ type: "cancel", key });
  }
  const held = [...record.attempts.values()];
  for (const { invocation, attempt } of held) {
    const told = live.get(invocation);
    const key = { invocation, attempt };
    if (told?.isToldToEnd) record.line?.send({ type: "cancel", key, isRequeue: told.isRequeued });
    // Whether it heard of the change is not on record.
    else if (told?.submission.changedLimits != null)
      record.line?.send({ type: "limit", key, timeLimitMs: told.timeLimitMs });
  }
  // It may also answer for an earlier attempt of the same invocation that it does not know to be
  // recorded.
  const answeredFor = new Set(answersFor.map(nameOf));
  return held.filter((assignment) => !answeredFor.has(nameOf(assignment)));
}

const nameOf = ({ invocation, attempt }: AttemptKey): string => `${invocation}/${attempt}`;
