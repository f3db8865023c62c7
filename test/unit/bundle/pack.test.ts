// Packing: what goes into a bundle and in which form, what stays out, and what is refused.

import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { maxBlobBytes } from "../../../src/bundle/limits.js";
import { packBundle, packedBytes, requireSize } from "../../../src/bundle/pack.js";
import { readBundle } from "../../../src/bundle/read.js";
import { scan } from "../../../src/bundle/scan.js";
import {
  inChunks,
  manifest,
  packed,
  testFolder,
  whole,
  writeTree,
} from "../../support/bundle/bundles.js";

const folder = testFolder();
const names = async (path: string) => (await scan(path)).map(({ name }) => name).toSorted();

describe("a bundle", () => {
  test("is a tar that GNU tar reads, with the manifest first and no times or owners", async () => {
    const long = `${"d".repeat(90)}/${"ü".repeat(60)}.txt`;
    const tree = {
      "b.txt": "b",
      run: { program: "#!/bin/sh\n" },
      a: { link: "b.txt" },
      [long]: "x",
    };
    const { bytes } = await packed(writeTree(folder.fresh(), tree));
    const file = join(folder.path, "list.tar");
    writeFileSync(file, bytes);
    const list = execFileSync("tar", ["--quoting-style=literal", "-tvf", file], {
      encoding: "utf8",
    });
    const entries = list
      .trim()
      .split("\n")
      .map((line) => line.replace(/ +/g, " "));
    expect(entries).toEqual([
      `-rw-r--r-- 0/0 ${manifest.length} 1970-01-01 00:00 .gleaner/function.json`,
      "lrwxrwxrwx 0/0 0 1970-01-01 00:00 a -> b.txt",
      "-rw-r--r-- 0/0 1 1970-01-01 00:00 b.txt",
      `-rw-r--r-- 0/0 1 1970-01-01 00:00 ${long}`,
      "-rwxr-xr-x 0/0 10 1970-01-01 00:00 run",
    ]);
    const into = folder.fresh();
    execFileSync("tar", ["-xf", file, "-C", into]);
    expect(readFileSync(join(into, long), "utf8")).toBe("x");
  });

  test("is the same wherever and whenever it is packed, and another one with other content", async () => {
    const one = await packed(writeTree(folder.fresh(), { "z.py": "z", "a/b.py": "b" }));
    const elsewhere = writeTree(folder.fresh(), { "a/b.py": "b", "z.py": "z" });
    utimesSync(join(elsewhere, "z.py"), 1, 1);
    expect((await packed(elsewhere)).version).toBe(one.version);
    writeFileSync(join(elsewhere, "z.py"), "Z");
    expect((await packed(elsewhere)).version).not.toBe(one.version);
    expect((await packed(elsewhere, manifest.replace("python", "exec"))).version).not.toBe(
      one.version,
    );
  });

  test("of a single file has that file under its own name", async () => {
    const path = join(writeTree(folder.fresh(), { "tile.py": "x", other: "y" }), "tile.py");
    symlinkSync(path, join(folder.path, "renamed.py"));
    expect(await names(path)).toEqual(["tile.py"]);
    expect(await names(join(folder.path, "renamed.py"))).toEqual(["renamed.py"]);
  });

  test("has its size known before it is read", async () => {
    const path = writeTree(folder.fresh(), { a: "x".repeat(513), [`${"n".repeat(120)}`]: "" });
    const { bytes } = await packed(path);
    expect(packedBytes(manifest, await scan(path))).toBe(bytes.length);
  });

  test("keeps links in the folder, in their shortest form", async () => {
    const path = writeTree(folder.fresh(), {
      "lib/x.so.1": "x",
      "bin/a": { link: "../lib/x.so.1" },
    });
    symlinkSync("./x.so.1", join(path, "lib/x.so"));
    symlinkSync(join(path, "lib"), join(path, "absolute"));
    symlinkSync("../lib/../lib/x.so", join(path, "bin/b"));
    symlinkSync("missing", join(path, "dangling"));
    const targets = (await scan(path)).flatMap((entry) =>
      entry.kind === "link" ? [[entry.name, entry.target]] : [],
    );
    expect(Object.fromEntries(targets)).toEqual({
      "bin/a": "../lib/x.so.1",
      "bin/b": "../lib/x.so.1",
      "lib/x.so": "x.so.1",
      absolute: "lib",
      dangling: "missing",
    });
  });
});

describe("what stays out", () => {
  test("histories, caches, environments, function.yaml and what .gleanerignore lists", async () => {
    const path = writeTree(folder.fresh(), {
      "main.py": "",
      ".git/config": "",
      "pkg/__pycache__/a.pyc": "",
      "pkg/b.pyc": "",
      ".venv/bin/python": "",
      "node_modules/.cache/x": "",
      "node_modules/y/index.js": "",
      "function.yaml": "",
      "sub/function.yaml": "",
      ".env": "",
      ".gleanerignore": "# data\n*.csv\n/build/\n!keep.csv\ndocs/**/*.md\n\n",
      "a.csv": "",
      "sub/b.csv": "",
      "sub/keep.csv": "",
      "build/out": "",
      "sub/build/in": "",
      "docs/x/y/z.md": "",
      "docs/t.txt": "",
    });
    expect(await names(path)).toEqual([
      ".env",
      "docs/t.txt",
      "main.py",
      "node_modules/y/index.js",
      "sub/build/in",
      "sub/function.yaml",
      "sub/keep.csv",
    ]);
  });

  test("a line with ! takes in again what stays out otherwise", async () => {
    const path = writeTree(folder.fresh(), { ".gleanerignore": "!.venv\n", ".venv/a": "", b: "" });
    expect(await names(path)).toEqual([".venv/a", "b"]);
  });
});

describe("what is refused, with its path", () => {
  const refusal = async (path: string): Promise<string> =>
    scan(path).then(
      () => "nothing",
      (error: Error) => error.message,
    );

  test.each([
    ["/etc/passwd", /a links to \/etc\/passwd, which is an absolute path: copy what it leads to/],
    ["../../../etc/passwd", /a links to .*, outside of the bundle/],
    ["..", /a links to \.\., outside of the bundle/],
    ["x/../../out", /a links to x\/\.\.\/\.\.\/out, which leads out of the bundle/],
  ])("a link to %s", async (target, sentence) => {
    const path = writeTree(folder.fresh(), { a: { link: target }, b: "" });
    expect(await refusal(path)).toMatch(sentence);
  });

  test("a link to an existing file outside, whatever way leads there", async () => {
    const outside = writeTree(folder.fresh(), { secret: "s" });
    const path = writeTree(folder.fresh(), { "d/e/f": "", up: { link: "d/e" } });
    symlinkSync(`up/../../../${outside.split("/").at(-1)}/secret`, join(path, "a"));
    expect(await refusal(path)).toMatch(/\/a links to .*leads out of the bundle/);
  });

  test("a pipe", async () => {
    const path = folder.fresh();
    execFileSync("mkfifo", [join(path, "pipe")]);
    expect(await refusal(path)).toMatch(/\/pipe is a device, a socket or a pipe/);
  });

  test("Gleaner's own folder, and names that are not UTF-8 or have control characters", async () => {
    expect(await refusal(writeTree(folder.fresh(), { ".gleaner/function.json": "{}" }))).toMatch(
      /\.gleaner\/function\.json is in the folder \.gleaner, which is Gleaner's own/,
    );
    const odd = folder.fresh();
    writeFileSync(Buffer.concat([Buffer.from(`${odd}/`), Buffer.from([0xff, 0xfe])]), "");
    expect(await refusal(odd)).toMatch(/a name that is not UTF-8/);
    expect(await refusal(writeTree(folder.fresh(), { "a\u001b[2J\nb": "" }))).toMatch(
      /^\S+\/a\?\[2J\?b contains a control character: rename it, or list it in \.gleanerignore$/,
    );
  });

  test("an empty folder, and a path that does not exist", async () => {
    const path = folder.fresh();
    mkdirSync(join(path, "empty"));
    expect(await refusal(path)).toMatch(/has no files to deploy/);
    expect(await refusal(join(path, "none"))).toMatch(/there is no .*none: name a file/);
  });

  test("more than a bundle may have, naming the largest file", async () => {
    const path = writeTree(folder.fresh(), { small: "x", "data.bin": "" });
    truncateSync(join(path, "data.bin"), maxBlobBytes);
    const entries = await scan(path);
    expect(() => requireSize(manifest, entries)).toThrow(
      /the largest file is data\.bin with 67108864/,
    );
    truncateSync(join(path, "data.bin"), maxBlobBytes - 4 * 1024);
    expect(() => requireSize(manifest, [])).not.toThrow();
    requireSize(manifest, await scan(path));
  });

  test.each([0, 2])(
    "a file that has %d bytes in place of 1 by the time it is read",
    async (size) => {
      const path = writeTree(folder.fresh(), { a: "x" });
      const entries = await scan(path);
      writeFileSync(join(path, "a"), "y".repeat(size));
      await expect(whole(packBundle(manifest, entries))).rejects.toThrow(
        /changed while it was read/,
      );
    },
  );
});

test("entries can be skipped without reading their content", async () => {
  const { bytes } = await packed(writeTree(folder.fresh(), { a: "x".repeat(5_000), b: "y" }));
  const seen: string[] = [];
  for await (const { name } of readBundle(inChunks(bytes, 700))) seen.push(name);
  expect(seen).toEqual([".gleaner/function.json", "a", "b"]);
});
