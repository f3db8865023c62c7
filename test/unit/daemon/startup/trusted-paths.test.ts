// Files that gleanerd runs and trusts: refused if another user could change or create them.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { parseConfig } from "../../../../src/config.js";
import { requireTrustedPaths } from "../../../../src/daemon/startup/trusted-paths.js";
import { requireTrusted } from "../../../../src/sdk/trusted-path.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-trusted-"));
  for (const name of ["open", "sticky"]) mkdirSync(join(folder, name));
  for (const place of ["open", "sticky", "."]) writeFileSync(join(folder, place, "file"), "");
  chmodSync(join(folder, "open"), 0o777);
  chmodSync(join(folder, "sticky"), 0o1777);
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = () => join(folder, "open/file");
const sound = () => join(folder, "file");
const check = (change: object) => () => requireTrustedPaths(parseConfig(change, "the test"));

test.each([
  ["the state folder", () => ({ stateDirectory: join(folder, "open/state") })],
  ["the executor's program", () => ({ programs: { executor: open() } })],
  ["glean-spawn", () => ({ programs: { spawn: open() } })],
  ["the program that sends mails", () => ({ functions: { mailProgram: open() } })],
  [
    "Node, where executors run on this machine",
    () => ({ placement: { launcher: "local" }, programs: { node: open() } }),
  ],
  ["Slurm's commands", () => ({ slurm: { binDirectory: join(folder, "open") } })],
  [
    "the ssh key",
    () => ({ placement: { launcher: "ssh", ssh: { privateKey: open(), knownHosts: sound() } } }),
  ],
  [
    "the known hosts",
    () => ({ placement: { launcher: "ssh", ssh: { privateKey: sound(), knownHosts: open() } } }),
  ],
])("%s may not be writable by others", (_, change) => {
  expect(check(change())).toThrow(/is not trusted: others can write to .*open: chmod go-w it/);
});

test("safe paths pass, and so do programs that exist only on the nodes", () => {
  expect(check({ programs: { executor: sound(), spawn: "/no/such/program" } })).not.toThrow();
  expect(check({ placement: { ssh: { privateKey: open() } } })).not.toThrow();
});

test("a missing file passes, unless others could create it", () => {
  const missing = (place: string) => () => requireTrusted(join(folder, place, "missing"));
  expect(missing(".")).not.toThrow();
  expect(missing("sticky")).toThrow(/others could create it: create .*missing first/);
  expect(() => requireTrusted(join(folder, "sticky/file"))).not.toThrow();
});
