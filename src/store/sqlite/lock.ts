// One daemon for each state folder: a lock that the kernel releases when its holder dies, however
// it dies.

import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { errorCodeOf, GleanerError } from "../../model/errors.js";
import { type Connection, makePrivate, openingFailed } from "./database.js";

/**
 * Holds the lock until the returned connection is closed; throws CONFIG if another daemon has it.
 * It is on a file beside `database`: only who may enter the folder can take it.
 */
export function takeLock(database: string): Connection {
  const folder = dirname(database);
  const file = join(folder, "gleaner.lock");
  try {
    makePrivate(file);
    const lock = new Database(file, { timeout: 0 });
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    if (errorCodeOf(cause) !== "SQLITE_BUSY") throw openingFailed(file, cause);
    throw new GleanerError(
      "CONFIG",
      `another gleanerd uses ${folder}: stop it first, or give this one another stateDirectory`,
      { cause },
    );
  }
}
