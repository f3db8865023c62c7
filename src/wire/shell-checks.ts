// Checks the part of an order that a batch job would get of its submitter's shell.

import { integer, list, oneOf, optional, pattern, text } from "./shape.js";

/** Linux's PATH_MAX. */
const maxPathLength = 4_096;

export const shellFields = {
  stdinPath: optional(text(maxPathLength)),
  openMode: optional(oneOf("append", "truncate")),
  keepSinceMs: optional(integer(1)),
  umask: optional(integer(0, 0o777)),
  limits: optional(list(pattern(/^[a-z]{1,16}:(\d{1,15}|unlimited)$/), 16)),
};
