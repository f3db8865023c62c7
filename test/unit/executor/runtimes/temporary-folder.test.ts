// The executor's folder for temporary files: its own, those of a dead executor, and directories in
// which none can be made.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { TemporaryFolder } from "../../../../src/executor/runtimes/temporary-folder.js";
import { nodeName } from "../../../../src/model/ids.js";
import { noIsolation } from "../../../../src/wire/isolation.js";
import { until } from "../../../support/executor/executor.js";
import { makePlugin, pluginFolder } from "../../../support/executor/plugin.js";

let above: string;
let said: string[];
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), "glean-temporary-"));
  chmodSync(above, 0o1777);
  said = [];
});
afterEach(() => rmSync(above, { recursive: true, force: true }));

const open = (node = "n1", privateDirectories: readonly string[] = []) =>
  TemporaryFolder.open(
    {
      temporaryDirectory: above,
      runDirectory: "/run/gleaner",
      node: nodeName(node),
      spawnProgram: join(pluginFolder, "glean-spawn"),
      isolation: { ...noIsolation, privateDirectories },
    },
    (why) => said.push(why),
  );

test("each command has a path of its own, and nothing is left at the end", () => {
  const folder = open()!;
  const [first, second] = [folder.next(), folder.next()];
  expect(first).not.toBe(second);
  expect(statSync(join(first, "..")).mode & 0o777).toBe(0o711);
  folder.close();
  expect(readdirSync(above)).toEqual([]);
});

test("what a dead executor of the node has left is swept, and that of others is not", async () => {
  const [dead, other] = [open()!.next(), open("n2")!.next()];
  for (const each of [dead, other]) mkdirSync(join(each, "deep/er"), { recursive: true });
  const folder = open()!;
  await until(() => !existsSync(join(dead, "..")));
  expect(existsSync(join(other, "deep/er"))).toBe(true);
  mkdirSync(folder.next()); // a removal that takes too long
  folder.close();
  expect(readdirSync(above)).toHaveLength(2);
  expect(said).toEqual([]);
});

test("what a command has forbidden to its own user is swept, too", async () => {
  const left = open()!.next();
  mkdirSync(join(left, "deep"), { recursive: true });
  if (process.geteuid!() === 0)
    for (const each of [left, join(left, "deep")]) chownSync(each, 65_534, 65_534);
  for (const each of [join(left, "deep"), left]) chmodSync(each, 0);
  open();
  await until(() => !existsSync(join(left, "..")));
});

test("is made again after something else has removed it", () => {
  const folder = open()!;
  rmdirSync(join(folder.next(), ".."));
  expect(statSync(join(folder.next(), "..")).mode & 0o777).toBe(0o711);
  rmdirSync(join(folder.next(), ".."));
  folder.close();
  expect(readdirSync(above)).toEqual([]);
});

// Whatever has its name then is not ours: a folder of another user, or a link to one of root.
test.each([
  [
    "folder",
    (path: string) => {
      mkdirSync(path);
      chmodSync(path, 0o777);
    },
  ],
  ["link", (path: string) => symlinkSync("/etc", path)],
])("is made again after a %s was put in its place", (_what, put) => {
  const folder = open()!;
  const first = join(folder.next(), "..");
  rmdirSync(first);
  put(first);
  const again = join(folder.next(), "..");
  expect(again).not.toBe(first);
  rmdirSync(again);
  put(again);
  folder.close();
  expect(readdirSync(above)).toHaveLength(2);
});

test("there is none where functions have the directory for themselves", () => {
  expect(open("n1", [tmpdir()])).toBeNull();
  expect(said).toEqual([]);
});

test("there is none where others could rename it", () => {
  chmodSync(above, 0o777);
  expect(open()).toBeNull();
  expect(said[0]).toMatch(/^functions have no TMPDIR of their own: others may rename what is in /);
});
