// The messages between the daemon's thread and a database thread: groups of calls, and their
// outcomes.

import type { ErrorCode } from "../../model/errors.js";

export interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** `detail` is where it was thrown, for the log; errors themselves cannot cross threads. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail: string;
}

export type Outcome =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "refused"; readonly failure: Failure };

/** To the thread. */
export type Request =
  | { readonly kind: "group"; readonly calls: readonly Call[] }
  | { readonly kind: "close" };

/**
 * From the thread: one when it has opened, then one for each group; it answers a close by exiting.
 */
export type Reply =
  | { readonly kind: "opened" }
  | { readonly kind: "outcomes"; readonly outcomes: readonly Outcome[] }
  /** Not opened, or nothing of the group was applied. */
  | { readonly kind: "failed"; readonly failure: Failure };

/** The data that a thread starts with. */
export interface ThreadData {
  readonly file: string;
  readonly access: "write" | "read";
  readonly migrationsDirectory: string;
  /** The key of the ledger's seals, in hex; it is not in the database. */
  readonly ledgerKey: string;
}
