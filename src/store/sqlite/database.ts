// Opens the database file: its permissions, its settings, and the error messages if that fails.

import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { GleanerError, messageOf } from "../../model/errors.js";

export type Connection = Database.Database;

/**
 * Another process (sqlite3 at a prompt, a backup) may hold the lock for a moment; a longer hold is
 * a mistake.
 */
const busyTimeoutMs = 5_000;
/** better-sqlite3 has 16 MB; what is read again soon is in the kernel's cache, too. */
const readCacheKb = 4_096;

/**
 * Opens `file` for writing; creates it (mode 0600) and its directory (mode 0700) if missing,
 * because it holds users' scripts and environments. Throws a GleanerError with code STORE.
 */
export function openForWriting(file: string): Connection {
  try {
    makePrivate(file);
    const database = new Database(file, { timeout: busyTimeoutMs });
    const mode = database.pragma("journal_mode = WAL", { simple: true });
    if (mode !== "wal") throw new Error(`the file system does not allow WAL (it is "${mode}")`);
    // FULL: a commit is on disk when it returns; WAL's default would lose the latest commits in a
    // power failure.
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    database.pragma("trusted_schema = OFF");
    return database;
  } catch (cause) {
    throw openingFailed(file, cause);
  }
}

/** A second connection, which reads committed data while the first one writes. */
export function openForReading(file: string): Connection {
  try {
    const options = { timeout: busyTimeoutMs, readonly: true, fileMustExist: true };
    const database = new Database(file, options);
    database.pragma(`cache_size = -${readCacheKb}`);
    return database;
  } catch (cause) {
    throw openingFailed(file, cause);
  }
}

/** SQLite gives its -wal and -shm files the mode of the file itself. */
export function makePrivate(file: string): void {
  const directory = dirname(file);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if ((statSync(directory).mode & 0o077) !== 0)
    throw new GleanerError(
      "STORE",
      `${directory} is open to other users, and the database would be too: chmod 700 ${directory}`,
    );
  closeSync(openSync(file, "a", 0o600));
  chmodSync(file, 0o600);
}

export function openingFailed(file: string, cause: unknown): GleanerError {
  if (cause instanceof GleanerError) return cause;
  const hint =
    "check that the path is right, the disk is sound and the file is a database of gleanerd";
  return new GleanerError("STORE", `cannot open ${file} (${messageOf(cause)}): ${hint}`, { cause });
}
