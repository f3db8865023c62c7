// Migrates a database to this program's schema: numbered files, each applied once, in a
// transaction, with its checksum.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nowMs } from "../../clock.js";
import { assert, GleanerError, messageOf } from "../../model/errors.js";
import type { Connection } from "./database.js";

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

/**
 * Applies the missing migrations of `directory` (files `0001_name.sql`, numbered without gaps from
 * 1). Throws a GleanerError with code STORE if the database is newer than the files, if a file was
 * edited after it was applied, or if one fails; then that file has changed nothing.
 */
export function migrate(database: Connection, directory: string): void {
  const known = readMigrations(directory);
  database.exec(
    `CREATE TABLE IF NOT EXISTS migration (
      number INTEGER PRIMARY KEY,
      name TEXT NOT NULL,
      checksum TEXT NOT NULL,
      applied_at_ms INTEGER NOT NULL
    ) STRICT`,
  );
  const applied = database
    .prepare<[], Applied>("SELECT number, name, checksum FROM migration ORDER BY number")
    .all();
  checkHistory(applied, known, database.name);
  for (const migration of known.slice(applied.length)) apply(database, migration);
}

function readMigrations(directory: string): readonly Migration[] {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith(".sql"));
  } catch (cause) {
    throw new GleanerError(
      "STORE",
      `cannot read the migrations in ${directory} (${messageOf(cause)}): install gleaner again`,
      { cause },
    );
  }
  const migrations = names.sort().map((name) => {
    const sql = readFileSync(join(directory, name), "utf8");
    const checksum = createHash("sha256").update(sql).digest("hex");
    return { number: Number(/^(\d{4})_/.exec(name)?.[1]), name, sql, checksum };
  });
  const numbered = migrations.every(({ number }, index) => number === index + 1);
  if (!numbered || migrations.length === 0)
    throw new GleanerError(
      "STORE",
      `the migrations in ${directory} are not numbered 0001, 0002 … without a gap: install gleaner again`,
    );
  return migrations;
}

function checkHistory(
  applied: readonly Applied[],
  known: readonly Migration[],
  file: string,
): void {
  const newest = applied.at(-1)?.number ?? 0;
  if (newest > known.length)
    throw new GleanerError(
      "STORE",
      `${file} was written by a newer gleanerd (migration ${newest}, this one knows ${known.length}): install that version again`,
    );
  applied.forEach((was, index) => {
    const is = known[index]!;
    if (was.number !== is.number || was.checksum !== is.checksum)
      throw new GleanerError(
        "STORE",
        `migration ${was.name} was changed after it had been applied to ${file}: restore the original file and add a new migration`,
      );
  });
}

function apply(database: Connection, migration: Migration): void {
  const record = database.prepare<[number, string, string, number]>(
    "INSERT INTO migration (number, name, checksum, applied_at_ms) VALUES (?, ?, ?, ?)",
  );
  try {
    database.transaction(() => {
      database.exec(migration.sql);
      assert(database.inTransaction, `${migration.name} leaves the transaction to its caller`);
      record.run(migration.number, migration.name, migration.checksum, nowMs());
    })();
  } catch (cause) {
    throw new GleanerError(
      "STORE",
      `migration ${migration.name} failed on ${database.name} (${messageOf(cause)}): nothing was changed; report this`,
      { cause },
    );
  }
}
