// Checks what a submission asks about when and where it may run.

import { GleanerError } from "../../model/errors.js";
import { expandHostList } from "../../model/hostlist.js";
import type { Schedule, Submission, Where } from "../../model/invocation.js";
import { parseConstraint } from "../../model/slurm/constraint.js";
import { gresText } from "../../model/slurm/gres-counts.js";

export interface TermsPolicy {
  /** null, or if omitted: no mails are sent. */
  readonly mailProgram?: string | null;
  /** Whether `--no-requeue` is refused, or gives an invocation one attempt; if omitted, `once`. */
  readonly noRequeue?: "once" | "refuse";
  /**
   * The longest work that a pilot has time for; if omitted or null, executors have no time limit.
   */
  readonly longestInPilotMs?: number | null;
}

/** As a sentence; null if nothing is wrong. */
export function whyBadTerms(
  { schedule, where, timeLimitMs }: Pick<Submission, "schedule" | "where" | "timeLimitMs">,
  nowMs: number,
  { noRequeue, longestInPilotMs = null }: TermsPolicy,
): string | null {
  return (
    (where === undefined ? null : whyBadWhere(where, longestInPilotMs !== null)) ??
    (schedule === undefined ? null : whyBadSchedule(schedule, timeLimitMs, nowMs, noRequeue))
  );
}

function whyBadWhere({ exclude, constraint, gres }: Where, inPilots: boolean): string | null {
  if (inPilots && gres !== undefined)
    return `functions run in Slurm jobs here (placement.launcher: pilot), which have no ${gresText(gres)}: submit it with Slurm's sbatch`;
  const parsed = constraint === undefined ? null : parseConstraint(constraint);
  if (typeof parsed === "string")
    return `the constraint ${constraint} cannot be read: ${parsed}: write features with & and |`;
  try {
    if (exclude !== undefined) expandHostList(exclude);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof GleanerError)) throw thrown;
    return `the list of excluded nodes ${exclude} cannot be read: write it as n1,n[3-5]`;
  }
}

function whyBadSchedule(
  { dependency, deadlineAtMs, once }: Schedule,
  timeLimitMs: number,
  nowMs: number,
  noRequeue: TermsPolicy["noRequeue"],
): string | null {
  for (const { kind, of } of dependency?.on ?? [])
    if ((of === undefined) !== (kind === "singleton"))
      return `the dependency ${kind} needs ${of === undefined ? "an id" : "no id"}: write afterok:ID or singleton`;
  if (once && noRequeue === "refuse")
    return "this site refuses --no-requeue, because an evicted function has to run again (functions.noRequeue): omit it, or submit a batch job";
  if (deadlineAtMs !== undefined && nowMs + timeLimitMs > deadlineAtMs)
    return `the time limit of ${timeLimitMs} ms does not fit before the deadline: set a shorter -t or a later --deadline`;
  return null;
}
