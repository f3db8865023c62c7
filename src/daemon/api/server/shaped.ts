// Parses a value of a request: untrusted until it matches its shape; if it does not, the error
// names the place.

import type { z } from "zod";
import { GleanerError } from "../../../model/errors.js";

/** The value in its shape; throws BAD_REQUEST with one sentence that names the place. */
export function shaped<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const place = issue.path.length === 0 ? "the request" : issue.path.join(".");
  throw new GleanerError("BAD_REQUEST", `${place}: ${complaintOf(issue)}`);
}

/** zod's messages about lengths are written for programmers, but any user may exceed a length. */
function complaintOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== "too_big") return issue.message;
  if (issue.origin === "array")
    return `more than ${issue.maximum} were given: give fewer at a time`;
  if (issue.origin === "string")
    return `longer than ${issue.maximum} characters: shorten it, or give less at a time`;
  return issue.message;
}
