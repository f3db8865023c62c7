// Parses a value of a request: untrusted until it matches its shape; if it does not, the error
// names the place.

import type { z } from "zod";
import { GleanerError } from "../../../model/errors.js";
import { complaintOf } from "../../../model/shaped.js";

/** The value in its shape; throws BAD_REQUEST with one sentence that names the place. */
export function shaped<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const place = issue.path.length === 0 ? "the request" : issue.path.join(".");
  throw new GleanerError("BAD_REQUEST", `${place}: ${complaintOf(issue)}`);
}
