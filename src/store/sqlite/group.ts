// Runs a group of calls in one transaction, each in a savepoint: a failing call undoes only itself.

import { errorCodeOf, GleanerError, messageOf } from "../../model/errors.js";
import type { Connection } from "./database.js";
import type { Call, Failure, Outcome } from "./messages.js";

type Operation = (...args: never[]) => unknown;

/** What the calls of a group change together, which is written once: kept in memory until then. */
export interface GroupWrite {
  /** A transaction begins: nothing is kept. */
  begin(): void;
  /** A call begins. */
  mark(): void;
  /** It failed: keeps what was kept before it. */
  undo(): void;
  flush(): void;
}

/** These touch what is kept only through it; it is written before any other operation. */
const keeping: ReadonlySet<string> = new Set(
  "endAttempt recordCall beginAttempt beginTasks".split(" "),
);

/**
 * Returns a function that runs a group and returns an outcome for each call, in order, once all are
 * committed. It throws if the commit (or the disk during a call) failed; then nothing of the group
 * was applied.
 */
export function groupRunner(
  database: Connection,
  operations: Readonly<Record<string, Operation>>,
  kept: readonly GroupWrite[] = [],
): (calls: readonly Call[]) => readonly Outcome[] {
  const savepoint = database.prepare("SAVEPOINT one_call");
  const release = database.prepare("RELEASE one_call");
  const undo = database.prepare("ROLLBACK TO one_call");

  const flush = () => {
    for (const each of kept) each.flush();
  };

  function runCall({ name, args }: Call): Outcome {
    if (!keeping.has(name)) flush();
    for (const each of kept) each.mark();
    savepoint.run();
    try {
      const value = operations[name]!(...(args as never[]));
      release.run();
      return { kind: "done", value };
    } catch (cause) {
      // A full disk or an I/O error can end the whole transaction: then no other call may continue
      // without it.
      if (!database.inTransaction) throw cause;
      undo.run();
      release.run();
      for (const each of kept) each.undo();
      return { kind: "refused", failure: failureOf(cause, `the database refused ${name}`) };
    }
  }

  // Takes the lock at once: a transaction that reads before it writes cannot take it if another
  // process has written since.
  const begin = database.prepare(database.readonly ? "BEGIN" : "BEGIN IMMEDIATE");
  const commit = database.prepare("COMMIT");
  return (calls) => {
    begin.run();
    for (const each of kept) each.begin();
    try {
      const outcomes = calls.map(runCall);
      flush();
      commit.run();
      return outcomes;
    } catch (cause) {
      if (database.inTransaction) database.exec("ROLLBACK");
      throw cause;
    }
  };
}

const advices: readonly (readonly [RegExp, string])[] = [
  [/^SQLITE_FULL/, "free some space on its file system"],
  [/^SQLITE_(IOERR|READONLY|CANTOPEN)/, "check its file system"],
];

/** What an operator can do about an error of SQLite, as the end of a sentence; may be empty. */
function adviceOn(thrown: unknown): string {
  const code = errorCodeOf(thrown) ?? "";
  const advice = advices.find(([codes]) => codes.test(code))?.[1];
  return advice === undefined ? "" : `: ${advice}`;
}

/**
 * Converts anything thrown so that it can cross threads; `what` begins the message of anything that
 * is not a GleanerError.
 */
export function failureOf(thrown: unknown, what: string): Failure {
  const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return thrown instanceof GleanerError
    ? { code: thrown.code, message: thrown.message, detail }
    : { code: "STORE", message: `${what}: ${messageOf(thrown)}${adviceOn(thrown)}`, detail };
}
