// Released migrations never change: their hashes are checked in, and the program that extends the
// list changes none.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";

const program = "scripts/lib/freeze-migrations.mjs";
const list = "src/store/sqlite/frozen-migrations.json";
const migrations = "src/store/sqlite/migrations";
const mustNotChange =
  "0001_a.sql differs from its released version: a released migration must not change; add a new one\n";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gleaner-frozen-"));
  cpSync(program, join(root, program));
  write(list, '{ "version": "1.0.0", "migrations": {} }');
  release("1.0.0");
  write(`${migrations}/0001_a.sql`, "CREATE TABLE a (id INTEGER);");
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
const release = (version: string) => write("package.json", JSON.stringify({ version }));
const run = (...args: string[]) => runIn(root, ...args);
function runIn(folder: string, ...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [join(folder, program), ...args], {
    encoding: "utf8",
  });
  return { status, stderr };
}
const frozen = () => JSON.parse(readFileSync(join(root, list), "utf8"));

test("no released migration has changed, and the version's migrations are frozen", () => {
  expect(runIn(".", "--check")).toEqual({ status: 0, stderr: "" });
});

test("a migration may change only until it is released", () => {
  write(`${migrations}/0001_a.sql`, "CREATE TABLE b (id INTEGER);");
  expect(run("--check").status).toBe(0);
  expect(run().status).toBe(0);
  expect(run("--check").status).toBe(0);
  write(`${migrations}/0001_a.sql`, "CREATE TABLE c (id INTEGER);");
  expect(run("--check")).toEqual({ status: 1, stderr: mustNotChange });
});

test("a released migration may not be removed or renamed", () => {
  run();
  rmSync(join(root, migrations, "0001_a.sql"));
  write(`${migrations}/0001_b.sql`, "CREATE TABLE a (id INTEGER);");
  expect(run("--check")).toEqual({ status: 1, stderr: mustNotChange });
});

test("freezing adds new migrations and leaves frozen ones unchanged", () => {
  run();
  const first = frozen();
  write(`${migrations}/0002_b.sql`, "CREATE TABLE b (id INTEGER);");
  release("1.1.0");
  expect(run().status).toBe(0);
  const second = frozen();
  expect(second.version).toBe("1.1.0");
  expect(second.migrations).toEqual({
    ...first.migrations,
    "0002_b.sql": expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  write(`${migrations}/0001_a.sql`, "");
  expect(run()).toEqual({ status: 1, stderr: mustNotChange });
  expect(frozen()).toEqual(second);
});

test("a release whose migrations are not frozen is named", () => {
  release("1.1.0");
  expect(run("--check")).toEqual({
    status: 1,
    stderr: `the migrations of 1.1.0 are not frozen: run node ${program}\n`,
  });
});
