// Runs a group of calls in one transaction, each in a savepoint: one that fails undoes itself alone.

import { GleanerError, messageOf } from "../../model/errors.js";
import type { Connection } from "./database.js";
import type { Call, Failure, Outcome } from "./messages.js";

type Operation = (...args: never[]) => unknown;

/**
 * Returns how to run a group: an outcome for each call, in order, once all are committed. Throws when the commit
 * (or the disk below a single call) failed; then nothing of the group was applied.
 */
export function groupRunner(
  database: Connection,
  operations: Readonly<Record<string, Operation>>,
): (calls: readonly Call[]) => readonly Outcome[] {
  const savepoint = database.prepare("SAVEPOINT one_call");
  const release = database.prepare("RELEASE one_call");
  const undo = database.prepare("ROLLBACK TO one_call");

  function runCall({ name, args }: Call): Outcome {
    savepoint.run();
    try {
      const value = operations[name]!(...(args as never[]));
      release.run();
      return { kind: "done", value };
    } catch (cause) {
      // A full disk or an I/O error can end the whole transaction: then no other call may go on alone.
      if (!database.inTransaction) throw cause;
      undo.run();
      release.run();
      return { kind: "refused", failure: failureOf(cause, `the database refused ${name}`) };
    }
  }

  // The lock at once: a transaction that reads before it writes cannot take it when another process wrote since.
  const begin = database.readonly ? "BEGIN" : "BEGIN IMMEDIATE";
  return (calls) => {
    database.exec(begin);
    try {
      const outcomes = calls.map(runCall);
      database.exec("COMMIT");
      return outcomes;
    } catch (cause) {
      if (database.inTransaction) database.exec("ROLLBACK");
      throw cause;
    }
  };
}

/** Anything thrown, as it crosses threads; `what` begins the sentence of what is not a GleanerError already. */
export function failureOf(thrown: unknown, what: string): Failure {
  const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return thrown instanceof GleanerError
    ? { code: thrown.code, message: thrown.message, detail }
    : { code: "STORE", message: `${what}: ${messageOf(thrown)}`, detail };
}
