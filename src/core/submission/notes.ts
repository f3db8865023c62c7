// What a user gets other than they asked, or does not get, as sentences.

import { type Submission, unlimitedMs } from "../../model/invocation.js";
import type { AdmissionPolicy, AskedSubmission } from "./admission.js";
import { spanText } from "./time-limit.js";

export function notesOn(
  asked: AskedSubmission,
  { timeLimitMs, memoryMb, cores, schedule, where, mail }: Submission,
  { mailProgram = null }: AdmissionPolicy,
): readonly string[] {
  const notes: string[] = [];
  if (timeLimitMs < (asked.timeLimitMs ?? 0))
    notes.push(
      `the time limit is lowered from ${limitText(asked.timeLimitMs!)} to ${spanText(timeLimitMs)}, the longest that this site allows`,
    );
  if (asked.memoryMb === 0)
    notes.push(`--mem=0: it gets ${memoryMb} MB, all memory of the smallest node that will do`);
  if (where?.exclusive)
    notes.push(`--exclusive: it gets ${cores} cores, all of the smallest node that will do`);
  if (mail !== undefined && mailProgram === null)
    notes.push("--mail-type: this site's Gleaner sends no mail: use --wait, or glean queue");
  if (schedule?.once)
    notes.push("--no-requeue: an eviction ends it, and it does not run a second time");
  return notes;
}

const limitText = (ms: number): string => (ms >= unlimitedMs ? "UNLIMITED" : spanText(ms));
