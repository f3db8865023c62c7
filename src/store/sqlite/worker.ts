// The database's thread: better-sqlite3 is synchronous and a checkpoint stalls, so it never runs on
// the daemon's own thread.

import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../model/errors.js";
import { openForReading, openForWriting } from "./database.js";
import { failureOf, groupRunner } from "./group.js";
import { LedgerSeal } from "./ledger/seal.js";
import { takeLock } from "./lock.js";
import type { Reply, Request, ThreadData } from "./messages.js";
import { migrate } from "./migrate.js";
import { readOperations, writeOperations } from "./operations/operations.js";
import { yieldToOtherThreads } from "./thread-priority.js";

assert(parentPort !== null, "the store's worker is a thread");
const port = parentPort;
const answer = (reply: Reply): void => port.postMessage(reply);

function serve({ file, access, migrationsDirectory, ledgerKey }: ThreadData): void {
  const lock = access === "write" ? takeLock(file) : null;
  const database = access === "write" ? openForWriting(file) : openForReading(file);
  if (access === "write") migrate(database, migrationsDirectory);
  else yieldToOtherThreads();
  const seal = new LedgerSeal(ledgerKey);
  const { operations, kept } =
    access === "write"
      ? writeOperations(database, seal)
      : { operations: readOperations(database, seal), kept: [] };
  const runGroup = groupRunner(database, operations, kept);
  port.on("message", (request: Request) => {
    if (request.kind === "close") {
      database.close();
      lock?.close();
      port.close();
      return;
    }
    try {
      answer({ kind: "outcomes", outcomes: runGroup(request.calls) });
    } catch (cause) {
      const what = `${file} could not be ${access === "write" ? "written" : "read"}`;
      answer({ kind: "failed", failure: failureOf(cause, what) });
    }
  });
  answer({ kind: "opened" });
}

try {
  serve(workerData as ThreadData);
} catch (cause) {
  answer({ kind: "failed", failure: failureOf(cause, "the database could not be opened") });
}
