// The files that the ssh launcher copies, against a real sshd: checked on arrival, put in place as
// a whole, and writable to nobody else.

import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "@jest/globals";
import type { Launcher } from "../../../../src/core/ports/launcher.js";
import { type Bundle, loadBundle } from "../../../../src/launch/ssh/bundle.js";
import type { SshLauncherOptions } from "../../../../src/launch/ssh/launcher.js";
import { nodeName } from "../../../../src/model/ids.js";
import { address, executor, sshLaunches } from "../../../support/launch/ssh-launches.js";
import type { TestSshd } from "../../../support/launch/sshd.js";

/** An ordinary user of any Debian machine. */
const nobody = 65_534;

let sshd: TestSshd;
let folder: string;
let base: SshLauncherOptions;
let spawnProgram: string;
/** On the node, that is: on this machine. */
let directory: string;
let bundle: Bundle;
const ssh = sshLaunches((node) => {
  ({ sshd, folder, options: base } = node);
});

beforeEach(() => {
  spawnProgram = join(folder, "glean-spawn");
  writeFileSync(spawnProgram, "#!/bin/sh\n");
  const runtime = join(dirname(base.executorProgram), "glean-runtime-python");
  mkdirSync(runtime);
  writeFileSync(join(runtime, "main.py"), "pass\n");
  directory = join(folder, "on-node", "cache");
  mkdirSync(dirname(directory));
  bundle = load();
});

const load = () => loadBundle({ executor: base.executorProgram, spawn: spawnProgram, directory });

const launcherWith = (brought: Bundle, node: string | null = base.node) =>
  ssh.launcherWith({
    ...base,
    node,
    executorProgram: brought.programs.executor,
    bundle: brought,
  });

const inputOf = (node: string) => JSON.stringify({ node });
const begin = (launcher: Launcher, node = "n1") =>
  launcher.launch(nodeName(node), address, executor, inputOf(node));
const launch = (launcher: Launcher, node = "n1", brought = bundle) =>
  ssh.launch(launcher, node, inputOf(node), join(directory, brought.name));
const refusal = (brought = bundle) => ssh.refusal(launcherWith(brought), inputOf("n1"));

const left = () => readdirSync(directory);

describe("a transferred program", () => {
  test("is run from a folder of its hash, closed to others", async () => {
    const record = await launch(launcherWith(bundle));
    const own = join(directory, bundle.name);
    expect(record.argv.slice(1)).toEqual([join(own, "glean-executor")]);
    const parts = ["glean-executor", "glean-spawn"].map((name) => readFileSync(join(own, name)));
    expect(parts).toEqual([readFileSync(base.executorProgram), readFileSync(spawnProgram)]);
    expect(readFileSync(join(own, "glean-runtime-python", "main.py"), "utf8")).toBe("pass\n");
    const whole = gunzipSync(await bundle.packed);
    expect(createHash("sha256").update(whole).digest("hex")).toBe(bundle.name);
    expect([directory, own].map((path) => statSync(path).mode & 0o7777)).toEqual([0o700, 0o700]);
    expect(statSync(join(own, "glean-spawn")).mode & 0o777).toBe(0o700);
    expect(left()).toEqual([bundle.name]);
  });

  test("is sent once, however many executors start there, and again if it is missing", async () => {
    const before = sshd.commands();
    const launcher = launcherWith(bundle);
    await Promise.all(["n1", "n2"].map((node) => launch(launcher, node)));
    expect(sshd.commands() - before).toBe(5); // two that ask, one that brings, two that start
    await launch(launcher, "n3");
    expect(sshd.commands() - before).toBe(6);
    rmSync(join(directory, bundle.name, "glean-spawn"));
    await launch(launcher, "n4");
    expect(sshd.commands() - before).toBe(9);
  });

  test("may be a binary that needs no Node", async () => {
    const mark = join(folder, "ran");
    writeFileSync(base.executorProgram, `#!/bin/sh\ncat >${mark}.new; mv ${mark}.new ${mark}\n`);
    await begin(launcherWith(load(), null));
    while (!readdirSync(folder).includes("ran"))
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(readFileSync(mark, "utf8")).toBe(`${JSON.stringify({ node: "n1" })}\n`);
  });

  test.each<[string, (whole: Buffer) => Buffer]>([
    ["cut off", (whole) => whole.subarray(0, whole.length / 2)],
    ["changed", (whole) => gzipSync(Buffer.concat([whole, Buffer.from("more")]))],
    ["nothing", () => Buffer.alloc(0)],
  ])("is refused if it arrives %s, and leaves nothing", async (_, change) => {
    const packed = Promise.resolve(change(await bundle.packed));
    expect(await refusal({ ...bundle, packed })).toContain("the programs arrived damaged");
    expect(left()).toEqual([]);
  });

  test("repairs an incomplete version", async () => {
    mkdirSync(join(directory, bundle.name), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, bundle.name, "glean-executor"), "");
    await launch(launcherWith(bundle));
  });

  test("replaces the least recently used versions and remains of broken transfers", async () => {
    const versions = ["a", "b", "c", "d"].map((letter) => letter.repeat(64));
    for (const [index, name] of [...versions, "other", ".new.old", ".new.young"].entries()) {
      mkdirSync(join(directory, name, "with-files"), { recursive: true, mode: 0o700 });
      const hoursAgo = name === ".new.young" ? 0 : index + 2;
      const time = statSync(directory).mtimeMs / 1_000 - hoursAgo * 3_600;
      utimesSync(join(directory, name), time, time);
    }
    chmodSync(directory, 0o700);
    await launch(launcherWith(bundle));
    const kept = [bundle.name, versions[0], versions[1], "other", ".new.young"];
    expect(left().sort()).toEqual(kept.sort());
  });
});

describe("an existing directory", () => {
  const own = () => join(directory, bundle.name);
  /** All is as it would be there, but for the harm. */
  const inPlace = (harm: () => void) => () => {
    mkdirSync(own(), { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
    for (const name of ["glean-executor", "glean-spawn"])
      writeFileSync(join(own(), name), `require("fs").writeFileSync("${folder}/evil", "")`, {
        mode: 0o755,
      });
    harm();
  };
  const elsewhere = () => {
    const path = join(folder, "elsewhere");
    mkdirSync(path, { mode: 0o700 });
    return path;
  };

  test.each<[string, () => void]>([
    ["a link in place of the directory", () => symlinkSync(elsewhere(), directory)],
    ["a link to nothing in place of the directory", () => symlinkSync("/nowhere", directory)],
    ["a file in place of the directory", () => writeFileSync(directory, "")],
    [
      "a link in place of the version",
      () => {
        mkdirSync(directory, { mode: 0o700 });
        symlinkSync(elsewhere(), own());
      },
    ],
    ["a version of another user", inPlace(() => chownSync(own(), nobody, nobody))],
    ["a directory of another user", inPlace(() => chownSync(directory, nobody, nobody))],
    ["a version that others may read", inPlace(() => chmodSync(own(), 0o755))],
    ["a directory that others may write to", inPlace(() => chmodSync(directory, 0o777))],
    ["a folder above that a group may write to", () => chmodSync(dirname(directory), 0o775)],
    ["a folder above of another user", () => chownSync(dirname(directory), nobody, nobody)],
  ])("with %s is refused, and nothing in it is run", async (_, harm) => {
    harm();
    expect(await refusal()).toContain("is not safe");
    expect(readdirSync(folder)).not.toContain("evil");
  });

  test("that cannot be created is named, with the node's error", async () => {
    directory = "/proc/gleaner";
    expect(await refusal(load())).toMatch(/\/proc\/gleaner cannot be written there \(mkdir: /);
  });
});

describe("the configuration of transfers", () => {
  test.each<[string, () => void, string]>([
    ["is missing", () => rmSync(spawnProgram), "programs.spawn"],
    ["is empty", () => writeFileSync(base.executorProgram, ""), "programs.executor"],
  ])("names a program that %s", (_, harm, key) => {
    harm();
    expect(load).toThrow(key);
  });

  test("refuses a directory that a shell could misread", () => {
    directory = "/var/cache/$(id)";
    expect(load).toThrow("placement.ssh.directory");
  });
});
