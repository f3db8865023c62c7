// A function whose next call is expected: what its worker is like, and when it is needed.

import type { Invocation, Submission } from "../../../model/invocation.js";
import type { Outlook } from "./function-history.js";

/** What the order of a call like this is made from. */
export interface CallMade {
  readonly invocation: Invocation;
  readonly submission: Submission;
}

export interface ExpectedCalls extends CallMade {
  /** The kind of worker that its next call needs, if that is like the last one. */
  readonly workerKey: string;
  readonly outlook: Outlook;
  /** How long an idle worker stays; null: as executors decide. */
  readonly keepMs: number | null;
}
