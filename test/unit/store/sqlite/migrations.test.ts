// Migrations: applied once, in order, whole or not at all; a newer or edited history is refused.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Connection, openForWriting } from "../../../../src/store/sqlite/database.js";
import { migrate } from "../../../../src/store/sqlite/migrate.js";

let folder: string;
let migrations: string;
let database: Connection;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-migrations-"));
  migrations = join(folder, "migrations");
  cpSync("src/store/sqlite/migrations", migrations, { recursive: true });
  database = openForWriting(join(folder, "state", "gleaner.db"));
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const write = (name: string, sql: string) => writeFileSync(join(migrations, name), sql);
const tables = () =>
  database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
const newest = () => database.prepare("SELECT max(number) FROM migration").pluck().get() as number;

// `RECORD=1` records it anew, after a new migration.
test("the schema matches the recorded one", () => {
  migrate(database, migrations);
  const rows = database
    .prepare(
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .pluck()
    .all();
  const schema = `${rows.join(";\n\n")};\n`;
  const recorded = "test/unit/store/sqlite/recorded/schema.sql";
  if (process.env.RECORD === "1") writeFileSync(recorded, schema);
  expect(schema).toBe(readFileSync(recorded, "utf8"));
});

test("each migration is applied once, and a new one is added to an old database", () => {
  migrate(database, migrations);
  const shipped = newest();
  migrate(database, migrations);
  write(
    `${String(shipped + 1).padStart(4, "0")}_more.sql`,
    "CREATE TABLE more (id INTEGER) STRICT;",
  );
  migrate(database, migrations);
  expect(newest()).toBe(shipped + 1);
  expect(tables()).toContain("more");
});

test("a failing migration changes nothing and is named", () => {
  migrate(database, migrations);
  const shipped = newest();
  const name = `${String(shipped + 1).padStart(4, "0")}_broken.sql`;
  write(name, "CREATE TABLE half (id INTEGER) STRICT; CREATE TABLE half (id INTEGER) STRICT;");
  expect(() => migrate(database, migrations)).toThrow(`migration ${name} failed`);
  expect(tables()).not.toContain("half");
  expect(newest()).toBe(shipped);
});

test("a database newer than the program is refused", () => {
  migrate(database, migrations);
  database.exec("INSERT INTO migration VALUES (9000, '9000_future.sql', 'x', 0)");
  expect(() => migrate(database, migrations)).toThrow(
    /written by a newer gleanerd \(migration 9000/,
  );
});

test("an edited migration is refused", () => {
  migrate(database, migrations);
  write("0001_initial.sql", `${readFileSync(join(migrations, "0001_initial.sql"), "utf8")}\n`);
  expect(() => migrate(database, migrations)).toThrow(
    "migration 0001_initial.sql was changed after it had been applied",
  );
});

test("a gap in the numbers and a missing folder are refused", () => {
  write("9000_gap.sql", "SELECT 1;");
  expect(() => migrate(database, migrations)).toThrow("without a gap");
  expect(() => migrate(database, join(folder, "none"))).toThrow("cannot read the migrations");
});

test("a directory open to others, or a file that is no database, is refused", () => {
  const open = join(folder, "open");
  mkdirSync(open, { mode: 0o755 });
  expect(() => openForWriting(join(open, "gleaner.db"))).toThrow(`chmod 700 ${open}`);
  const text = join(folder, "text");
  writeFileSync(text, "not a database, but long enough to look at ".repeat(50));
  expect(() => openForWriting(text)).toThrow("file is not a database");
});

test("a write is on disk when it returns", () => {
  expect(database.pragma("journal_mode", { simple: true })).toBe("wal");
  expect(database.pragma("synchronous", { simple: true })).toBe(2);
  expect(database.pragma("foreign_keys", { simple: true })).toBe(1);
});
