// Checks what is to change of a submission that has not ended, and makes the changed one.

import { GleanerError } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import {
  type Change,
  type Schedule,
  type Submission,
  unlimitedMs,
} from "../../model/invocation.js";
import {
  type AdmissionPolicy,
  longestMs,
  noTime,
  whyBadTexts,
  whyTooLarge,
} from "../submission/admission.js";
import { whyBadTerms } from "../submission/terms.js";
import { noticeWithin } from "../submission/time-limit.js";

/** The environment may be large, and never changes. */
type Described = Omit<Submission, "environment">;

/** Throws BAD_REQUEST if the changed submission could not be submitted. */
export function changedSubmission(
  submission: Described,
  change: Change,
  policy: AdmissionPolicy,
  nowMs: number,
): Described {
  const { schedule = {} } = submission;
  const { comment: _, ...others } = submission;
  const comment = change.comment ?? submission.comment ?? "";
  const timeLimitMs =
    change.timeLimitMs === undefined
      ? submission.timeLimitMs
      : limitFor(change.timeLimitMs, policy);
  const changed: Described = {
    ...others,
    name: change.name ?? submission.name,
    timeLimitMs,
    notice: noticeWithin(submission.notice, timeLimitMs),
    schedule: changedSchedule(schedule, change),
    ...(comment !== "" && { comment }),
  };
  // What has begun, or has not much time left, may go on as it is.
  const isCloser = change.deadlineAtMs !== undefined || timeLimitMs > submission.timeLimitMs;
  const { deadlineAtMs: _deadline, ...undated } = changed.schedule!;
  const problem =
    whyNoThrottle(submission, change) ??
    (change.timeLimitMs === undefined ? null : whyTooLarge(changed, null, policy)) ??
    (timeLimitMs < 1 ? noTime : null) ??
    whyBadTexts({ ...changed, environment: {} }) ??
    whyBadTerms(isCloser ? changed : { ...changed, schedule: undated }, nowMs, policy);
  if (problem !== null) throw new GleanerError("BAD_REQUEST", problem);
  return changed;
}

/** As at a submission. */
const limitFor = (askedMs: number, policy: AdmissionPolicy): number =>
  policy.lowerTimeLimit || askedMs >= unlimitedMs ? Math.min(askedMs, longestMs(policy)) : askedMs;

const changeable = ["dependency", "beginAtMs", "deadlineAtMs", "mostRunning"] as const;

/** Whether it changes when the submission may start. */
export const isOfSchedule = (change: Change): boolean =>
  changeable.some((part) => change[part] !== undefined);

function changedSchedule(schedule: Schedule, change: Change): Schedule {
  const parts = changeable.map((part) => [part, change[part]] as const);
  const gone = parts.flatMap(([part, value]) => (value === null ? [part as string] : []));
  const kept = Object.entries(schedule).filter(([part]) => !gone.includes(part));
  const set = parts.filter(([, value]) => value != null);
  return Object.fromEntries([...kept, ...set]) as Schedule;
}

const whyNoThrottle = ({ arrayTasks }: Described, { mostRunning }: Change): string | null =>
  mostRunning === undefined || arrayTasks !== null
    ? null
    : "it is no array, of which few tasks could run at once: omit ArrayTaskThrottle";

/**
 * Whether a submission with this dependency would wait for itself; `dependencyOf` tells that of
 * another one that has not ended.
 */
export function waitsForItself(
  id: InvocationId,
  dependency: Schedule["dependency"] | null,
  dependencyOf: (other: InvocationId) => Schedule["dependency"],
): boolean {
  const seen = new Set<InvocationId>();
  const next = namedIn(dependency);
  for (let other = next.pop(); other !== undefined; other = next.pop()) {
    if (other === id) return true;
    if (seen.has(other)) continue;
    seen.add(other);
    next.push(...namedIn(dependencyOf(other)));
  }
  return false;
}

/** The invocations, arrays and arrays of tasks that it names. */
const namedIn = (dependency: Schedule["dependency"] | null): InvocationId[] =>
  (dependency?.on ?? []).flatMap(({ of }) =>
    of === undefined ? [] : [Number(of.split("_")[0]) as InvocationId],
  );
