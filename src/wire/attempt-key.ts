// The name of an attempt in all messages about it.

import type { InvocationId } from "../model/ids.js";
import { type Check, integer, object } from "./shape.js";

/** Identifies an attempt on both sides. */
export interface AttemptKey {
  readonly invocation: InvocationId;
  readonly attempt: number;
}

/** Unique over all nodes. */
export const attemptName = ({ invocation, attempt }: AttemptKey): string =>
  `${invocation}.${attempt}`;

export const attemptKeyFields = {
  invocation: integer(1) as Check<number> as Check<InvocationId>,
  attempt: integer(1),
};
export const attemptKey = object<AttemptKey>(attemptKeyFields);
