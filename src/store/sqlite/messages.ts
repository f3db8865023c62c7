// What the daemon's thread and a database thread say to each other: groups of calls, and their outcomes.

import type { ErrorCode } from "../../model/errors.js";

export interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** `detail`: where it was thrown, for the log; errors themselves do not survive the way between threads. */
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

/** From the thread: one when it opened, then one for each group; a close it answers by its exit. */
export type Reply =
  | { readonly kind: "opened" }
  | { readonly kind: "outcomes"; readonly outcomes: readonly Outcome[] }
  /** Not opened, or nothing of the group was applied. */
  | { readonly kind: "failed"; readonly failure: Failure };

/** What a thread is started with. */
export interface ThreadData {
  readonly file: string;
  readonly access: "write" | "read";
  readonly migrationsDirectory: string;
  /** Of the ledger's seals, hex; it is not in the database. */
  readonly ledgerKey: string;
}
