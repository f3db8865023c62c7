// The programs of the runtimes, copied to where users may read them.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { RuntimePrograms } from "../../../../src/executor/workers/runtime-programs.js";
import type { WorkerSettings } from "../../../../src/wire/calls.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-programs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const python = { runtime: "python", python: null, setup: null, image: null } as WorkerSettings;
const inner = "glean-runtime-python/package/module.py";

function programsWith(text: string): RuntimePrograms {
  const source = mkdtempSync(join(folder, "source-"));
  mkdirSync(dirname(join(source, inner)), { recursive: true });
  writeFileSync(join(source, inner), text);
  writeFileSync(join(source, "glean-spawn"), "");
  return new RuntimePrograms(join(folder, "cache"), source);
}

/** The folder with the modules of the runtime for Python. */
const programOf = (programs: RuntimePrograms) =>
  dirname(programs.commandOf(python, "/code").at(-1)!);
const folderWith = (text: string): string => programOf(programsWith(text));

test("a runtime of several folders is copied whole", () => {
  const program = folderWith("1");
  expect(readFileSync(join(program, "package/module.py"), "utf8")).toBe("1");
});

test("the copy is made again after the cache was removed", () => {
  const programs = programsWith("1");
  const program = programOf(programs);
  rmSync(join(folder, "cache"), { recursive: true });
  expect(programOf(programs)).toBe(program);
  expect(readFileSync(join(program, "package/module.py"), "utf8")).toBe("1");
});

test("a change in an inner folder makes another copy, and the same programs do not", () => {
  const first = folderWith("1");
  expect(folderWith("2")).not.toBe(first);
  expect(folderWith("1")).toBe(first);
});

test.each([
  [
    "has no room",
    "-t tmpfs -o size=16k,mode=755 none",
    "has no room for it (ENOSPC): ask your site",
  ],
  ["is read-only", "-t tmpfs -o ro,mode=755 none", "cannot be written (EROFS): ask your site"],
])("a cache that %s is named, and nothing of the copy stays", (_what, mounted, sentence) => {
  const cache = join(folder, "cache");
  mkdirSync(cache);
  execFileSync("mount", [...mounted.split(" "), cache]);
  try {
    expect(() => folderWith("1".repeat(100_000))).toThrow(`${cache} ${sentence}`);
    expect(readdirSync(cache)).toEqual([]);
  } finally {
    execFileSync("umount", ["-l", cache]);
  }
});

test("a copy that others could have put there or changed is not used", () => {
  const program = folderWith("1");
  const cache = join(folder, "cache");
  for (const open of [dirname(program), cache]) {
    chmodSync(open, 0o777);
    expect(() => folderWith("1")).toThrow(/must be a directory that only uid/);
    chmodSync(open, 0o755);
  }
});
