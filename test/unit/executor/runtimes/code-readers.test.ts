// Who can read the code of functions on a node: only users whose calls run there, although its
// place is no secret.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { CodeReaders } from "../../../../src/executor/runtimes/code-readers.js";
import { Spawner } from "../../../../src/executor/runtimes/spawner.js";
import { makePlugin, pluginFolder } from "../../../support/executor/plugin.js";

const program = join(pluginFolder, "asan", "glean-spawn");
const [ada, bob, eve] = [12_001, 12_002, 12_003];
let base: string;
let folder: string;
let said: string[];
let spawners: Spawner[];
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "glean-code-"));
  chmodSync(base, 0o711);
  folder = makeFolder("version");
  [said, spawners] = [[], []];
});
afterEach(async () => {
  await Promise.all(spawners.map((each) => each.close()));
  rmSync(base, { recursive: true });
});

function makeFolder(name: string): string {
  const path = join(base, name);
  mkdirSync(path, { mode: 0o700 });
  writeFileSync(join(path, "handler"), "secret", { mode: 0o444 });
  chmodSync(path, 0o500);
  return path;
}

/** Of an executor with this glean-spawn. */
function readersBy(by: string): CodeReaders {
  const spawner = new Spawner(by);
  spawners.push(spawner);
  return new CodeReaders(spawner, (why) => said.push(why));
}

/** Which of the users can read the code. */
const readers = () =>
  [ada, bob, eve].filter((uid) => {
    try {
      const options = { uid, gid: uid, stdio: "pipe", cwd: "/" } as const;
      return execFileSync("/bin/cat", [join(folder, "handler")], options).toString() === "secret";
    } catch {
      return false;
    }
  });

test("only users who were admitted can read it, and nobody can change it", async () => {
  const code = readersBy(program);
  expect(readers()).toEqual([]);
  await Promise.all([bob, ada, bob].map((uid) => code.admit(folder, uid)));
  expect(await code.admit(folder, ada)).toBe(folder);
  expect(readers()).toEqual([ada, bob]);
  expect(statSync(folder).mode & 0o227).toBe(0);
});

test("executors that admit at once lose no user", async () => {
  await Promise.all([ada, bob, eve].map((uid) => readersBy(program).admit(folder, uid)));
  expect(readers()).toEqual([ada, bob, eve]);
});

test("a folder that was replaced admits again", async () => {
  const code = readersBy(program);
  await code.admit(folder, ada);
  renameSync(folder, `${folder}.gone`);
  folder = makeFolder("version");
  expect(readers()).toEqual([]);
  await code.admit(folder, ada);
  expect(readers()).toEqual([ada]);
});

test("where there are no access control lists everybody can read it, which is said once", async () => {
  const code = new CodeReaders({ admit: async () => 3 }, (why) => said.push(why));
  await code.admit(folder, ada);
  await code.admit(folder, bob);
  expect(readers()).toEqual([ada, bob, eve]);
  expect(said).toEqual([expect.stringMatching(/^every user of this node may read /)]);
});

test("a folder that cannot be changed is an error, and is tried again", async () => {
  const code = readersBy(program);
  const gone = join(base, "gone");
  mkdirSync(gone);
  const isRefused = expect(code.admit(gone, ada)).rejects.toThrow(/cannot be let into/);
  rmSync(gone, { recursive: true });
  await isRefused;
  const spawner = new Spawner(program);
  spawners.push(spawner);
  const long = `${base}/${"x".repeat(4_095 - base.length - 1)}`;
  for (const path of ["relative", "/", `${base}/`, `${base}/a\0b`])
    expect(await spawner.admit(ada, path)).toBe(2);
  expect(await spawner.admit(ada, long)).toBe(1);
  expect(await spawner.admit(4_294_967_295, folder)).toBe(2);
  expect(await spawner.admit(ada, folder)).toBe(0);
});

test("a list that cannot be read is not replaced: those in it keep their code", async () => {
  await readersBy(program).admit(folder, ada);
  const broken = join(base, "broken");
  const source = `#include <errno.h>
    long fgetxattr(int file, const char *name, void *value, unsigned long size) { errno = EIO; return -1; }`;
  const compile = ["-shared", "-fPIC", "-w", "-x", "c", "-o", `${broken}.so`, "-"];
  execFileSync("cc", compile, { input: source });
  const plain = join(pluginFolder, "glean-spawn");
  writeFileSync(broken, `#!/bin/sh\nLD_PRELOAD=${broken}.so exec ${plain} "$@"\n`, { mode: 0o755 });
  await expect(readersBy(broken).admit(folder, bob)).rejects.toThrow(/glean-spawn: 1/);
  expect(readers()).toEqual([ada]);
});

test("without glean-spawn nobody is admitted", async () => {
  await expect(readersBy(join(base, "none")).admit(folder, ada)).rejects.toThrow(
    /cannot be let into/,
  );
  expect(readers()).toEqual([]);
});
