// The submissions of the lines of a list, where a field of its format is about them.

import { submissionIdOf } from "../../model/invocation.js";
import type { GleanerClient } from "../../sdk/index.js";
import type { Line, Part } from "../formats/squeue.js";
import type { Submission } from "../formats/submissions.js";

/** Asks for the submissions of lines, each once, if a field of the format is about them. */
export async function withSubmissions(
  client: GleanerClient,
  parts: readonly Part[],
  lines: readonly Line[],
): Promise<readonly Line[]> {
  if (!parts.some((part) => typeof part !== "string" && part.field.isOfSubmission)) return lines;
  const known = new Map<number, Submission>();
  const whole: Line[] = [];
  for (const line of lines) {
    const id = submissionIdOf(line.first);
    const submission = known.get(id) ?? (await client.detail(String(line.first.id))).submission;
    known.set(id, submission);
    whole.push({ ...line, submission });
  }
  return whole;
}
