// The part of the port Store for submissions: what a user sent, and what changed of it later.

import type { InvocationId } from "../../model/ids.js";
import type { Schedule, Submission, TimeLimits } from "../../model/invocation.js";

/** Without the environment, and without the text of a script. */
export interface DescribedSubmission {
  readonly id: InvocationId;
  readonly submission: Omit<Submission, "environment">;
}

/** What changes of a submission. */
export interface ChangedTerms {
  readonly schedule: Schedule;
  /** If omitted, it stays as it is. */
  readonly name?: string;
  readonly timeLimitMs?: number;
  /** null: nothing runs that may go by another one. */
  readonly timeLimits?: TimeLimits | null;
  /** null: none. */
  readonly comment?: string | null;
}

export interface SubmissionStore {
  /** Changes a submission that has not ended. */
  saveTerms(submission: InvocationId, terms: ChangedTerms): Promise<void>;
  submissionOf(invocation: InvocationId): Promise<Submission | null>;
  /** Submissions by their own ids, of one owner or of all, without what may be large. */
  describeSubmissions(
    ids: readonly InvocationId[],
    uid: number | null,
  ): Promise<readonly DescribedSubmission[]>;
  /** Finds a submission by its own id for an order; it never waits behind a list. */
  submissionToRun(submission: InvocationId): Promise<Submission | null>;
}
