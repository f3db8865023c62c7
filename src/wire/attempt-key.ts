// The name of an attempt in all messages about it.

import type { InvocationId } from "../model/ids.js";

/** Identifies an attempt on both sides. */
export interface AttemptKey {
  readonly invocation: InvocationId;
  readonly attempt: number;
}

/** Unique over all nodes. */
export const attemptName = ({ invocation, attempt }: AttemptKey): string =>
  `${invocation}.${attempt}`;
