// The daemon's key: made once, whole, for its owner alone, and refused when it cannot be trusted.

import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Secrets } from "../../../../src/daemon/auth/tokens.js";
import { executorId } from "../../../../src/model/ids.js";

const x1 = executorId("x1");
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-key-"));
  file = join(folder, "key");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("the secret is created on the first start, and kept on the next", () => {
  const first = Secrets.load(file);
  expect(readdirSync(folder)).toEqual(["key"]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const key = readFileSync(file);
  expect(Secrets.load(file).ofExecutor(x1)).toBe(first.ofExecutor(x1));
  expect(readFileSync(file)).toEqual(key);
});

test("the secret is created even if a process with the same pid crashed while creating it", () => {
  writeFileSync(`${file}.${process.pid}`, "half", { mode: 0o644 });
  Secrets.load(file);
  expect(readFileSync(file)).toHaveLength(32);
  expect(readdirSync(folder)).toEqual(["key"]);
});

test("no secret is created beside a database that another one has sealed", () => {
  const database = join(folder, "gleaner.db");
  writeFileSync(database, "");
  expect(() => Secrets.load(file, database)).toThrow(
    /key is missing, and .*gleaner.db is not: put the key back from your backup/,
  );
  expect(readdirSync(folder)).toEqual(["gleaner.db"]);
});

test.each([
  ["that others may read", 32, 0o640, /is readable by other users/],
  ["of a wrong length", 31, 0o600, /has 31 bytes instead of 32: put the key back from your backup/],
])("a secret %s is refused", (_what, bytes, mode, sentence) => {
  writeFileSync(file, Buffer.alloc(bytes));
  chmodSync(file, mode);
  expect(() => Secrets.load(file)).toThrow(sentence);
});

test("each executor, checkpoint folder and daemon has a key of its own", () => {
  const one = Secrets.load(file);
  const other = Secrets.load(join(folder, "other"));
  const words = [one, other].flatMap((each) => [
    each.ofExecutor(x1),
    each.ofExecutor(executorId("x2")),
    each.instance(),
  ]);
  expect(new Set(words).size).toBe(words.length);
});
