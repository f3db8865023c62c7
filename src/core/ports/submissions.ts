// The part of the port Store for submissions: what a user sent, and what changed of it later.

import type { InvocationId } from "../../model/ids.js";
import type { Schedule, Submission } from "../../model/invocation.js";

/** What changes of a submission. */
export interface ChangedTerms {
  readonly schedule: Schedule;
  /** If omitted, it stays as it is. */
  readonly name?: string;
  readonly timeLimitMs?: number;
  /** null: none. */
  readonly comment?: string | null;
}

export interface SubmissionStore {
  /** Changes a submission that has not ended. */
  saveTerms(submission: InvocationId, terms: ChangedTerms): Promise<void>;
  submissionOf(invocation: InvocationId): Promise<Submission | null>;
  /** Finds a submission by its own id for an order; it never waits behind a list. */
  submissionToRun(submission: InvocationId): Promise<Submission | null>;
}
