// Unpacking: the same files, read-only; and bundles by somebody who means harm, none of which
// leaves anything behind.

import {
  chmodSync,
  existsSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { bundleDigest } from "../../../src/bundle/pack.js";
import { type Entry, endBlocks, headerBlocks } from "../../../src/bundle/tar.js";
import { removeUnpacked, unpackBundle, versionOfUnpacked } from "../../../src/bundle/unpack.js";
import { versionId } from "../../../src/model/ids.js";
import { inChunks, manifest, packed, testFolder, writeTree } from "../../support/bundle/bundles.js";

const folder = testFolder();
let count = 0;
const newPath = () => join(folder.path, `unpacked-${++count}`);

describe("unpacking", () => {
  test("gives the same files, which nobody may write, and links", async () => {
    const tree = { "lib/x": "text", run: { program: "#!" }, "lib/to": { link: "../run" } };
    const { bytes, version } = await packed(writeTree(folder.fresh(), tree));
    const path = newPath();
    await unpackBundle(inChunks(bytes, 1_000), path, version);
    expect(readFileSync(join(path, "lib/x"), "utf8")).toBe("text");
    expect(readFileSync(join(path, ".gleaner/function.json"), "utf8")).toBe(manifest);
    expect(readlinkSync(join(path, "lib/to"))).toBe("../run");
    const mode = (name: string) => lstatSync(join(path, name)).mode & 0o7777;
    expect(["", "lib", "lib/x", "run"].map(mode)).toEqual([0o500, 0o555, 0o444, 0o555]);
    expect(await versionOfUnpacked(path)).toBe(version);
    await removeUnpacked(path);
    expect(existsSync(path)).toBe(false);
  });

  test("refuses another version, and a folder that exists", async () => {
    const { bytes, version } = await packed(writeTree(folder.fresh(), { a: "x" }));
    const path = newPath();
    const other = versionId("0".repeat(64));
    await expect(unpackBundle(inChunks(bytes, 99), path, other)).rejects.toThrow(
      `the bundle that arrived is version ${version}`,
    );
    expect(existsSync(path)).toBe(false);
    const taken = writeTree(folder.fresh(), { mine: "x" });
    await expect(unpackBundle(inChunks(bytes, 99), taken, version)).rejects.toThrow(/EEXIST/);
    expect(readFileSync(join(taken, "mine"), "utf8")).toBe("x");
  });

  test.each<[string, (path: string) => void]>([
    ["content", (path) => writeFileSync(join(path, "a"), "y")],
    ["a mode", (path) => chmodSync(join(path, "a"), 0o755)],
    ["another file", (path) => writeFileSync(join(path, "b"), "")],
    ["the manifest", (path) => writeFileSync(join(path, ".gleaner/function.json"), "{}")],
  ])("finds %s that was changed afterwards", async (_, change) => {
    const { bytes, version } = await packed(writeTree(folder.fresh(), { a: "x" }));
    const path = newPath();
    await unpackBundle(inChunks(bytes, 5_000), path, version);
    for (const each of ["", "a", ".gleaner", ".gleaner/function.json"])
      chmodSync(join(path, each), 0o700);
    chmodSync(join(path, "a"), 0o644);
    expect(await versionOfUnpacked(path)).toBe(version);
    change(path);
    expect(await versionOfUnpacked(path)).not.toBe(version);
  });
});

/** An entry as it should be, or any bytes in its place. */
type Part = Entry | Buffer;

const file = (name: string, bytes = 0, executable = false): Entry =>
  ({ kind: "file", name, bytes, executable }) as const;
const link = (name: string, target: string): Entry => ({ kind: "link", name, target });

const first = Buffer.concat([
  headerBlocks(file(".gleaner/function.json", manifest.length)),
  Buffer.from(manifest.padEnd(512, "\0")),
]);

/** A header with some of its bytes changed and the sum made right. */
function altered(entry: Entry, at: number, text: string): Buffer {
  const header = Buffer.from(headerBlocks(entry));
  header.write(text, at, "latin1");
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

const tar = (...parts: Part[]): Buffer =>
  Buffer.concat([
    ...parts.map((part) => (Buffer.isBuffer(part) ? part : headerBlocks(part))),
    endBlocks,
  ]);

async function refusal(bytes: Buffer): Promise<string> {
  const path = newPath();
  const { version } = await bundleDigest(inChunks(bytes, 10_000));
  const why = await unpackBundle(inChunks(bytes, 333), path, version).then(
    () => "nothing",
    (error: Error) => error.message,
  );
  expect(existsSync(path)).toBe(false);
  return why;
}

describe("a hostile bundle is refused and leaves nothing", () => {
  test.each<[string, Part[], RegExp]>([
    ["an absolute name", [file("/etc/x")], /\/etc\/x is an absolute path/],
    ["a name with ..", [file("a/../../x")], /leads out of the bundle/],
    ["a name with .", [file("./x")], /not in its shortest form/],
    ["a name with an empty part", [file("a//x")], /not in its shortest form/],
    ["a name in Gleaner's folder", [file(".gleaner/x")], /Gleaner's own/],
    ["a second manifest", [file(".gleaner/function.json")], /Gleaner's own/],
    ["a name with a line feed", [file("a\nb")], /control character/],
    ["a long name", [file("n".repeat(256))], /longer than 255 bytes/],
    ["a very long name", [file("n/".repeat(600).slice(0, -1))], /longer than 1024 bytes/],
    ["two entries of one name", [file("a"), file("a")], /order of names, or comes twice/],
    ["names out of order", [file("b"), file("a")], /order of names/],
    ["a file below a file", [file("a"), file("a.b"), file("a/b")], /lies below a file or a link/],
    ["a file below a link", [link("a", "b"), file("a/b")], /lies below a file or a link/],
    ["an absolute link", [link("a", "/etc")], /is an absolute path/],
    ["a link up and out", [link("a/b", "../../x")], /outside of the bundle/],
    ["a link down and up", [link("a", "b/../../x")], /leads out of the bundle/],
    ["a link to nothing", [link("a", "")], /not in its shortest form/],
    ["a hard link", [altered(link("a", "b"), 156, "1")], /neither a file nor a symbolic link/],
    ["a character device", [altered(file("a"), 156, "3")], /neither a file nor a symbolic link/],
    ["a pipe", [altered(file("a"), 156, "6")], /neither a file nor a symbolic link/],
    ["a folder", [altered(file("a"), 156, "5")], /neither a file nor a symbolic link/],
    ["GNU's long names", [altered(file("a"), 156, "L")], /neither a file nor a symbolic link/],
    ["a global pax header", [altered(file("a"), 156, "g")], /neither a file nor a symbolic link/],
    ["a set-user-id bit", [altered(file("a"), 100, "0004755")], /a header that no bundle has/],
    ["an owner", [altered(file("a"), 108, "0001750")], /a header that no bundle has/],
    ["a time", [altered(file("a"), 136, "00000000001")], /a header that no bundle has/],
    ["a prefix", [altered(file("a"), 345, "..")], /a header that no bundle has/],
    [
      "a size in another notation",
      [altered(file("a"), 124, "          0")],
      /larger than|no bundle/,
    ],
    ["a huge size", [altered(file("a"), 124, "77777777777")], /larger than 67108864 bytes/],
    ["a wrong sum", [Buffer.from(headerBlocks(file("a"))).fill("9", 150, 151)], /no bundle has/],
    ["a name that is not UTF-8", [altered(file("aa"), 0, "\u00ff\u00fe")], /not UTF-8/],
    [
      "bytes after an entry",
      [file("a", 1), Buffer.alloc(512, "x")],
      /end of an entry is not empty/,
    ],
  ])("%s", async (_, parts, why) => {
    expect(await refusal(tar(first, ...parts))).toMatch(why);
  });

  test("a pax header for a name that needs none, or with other records", async () => {
    const long = file(`${"n/".repeat(60)}x`);
    const blocks = headerBlocks(long);
    const swapped = Buffer.from(blocks);
    swapped.write("path=m", swapped.indexOf("path="), "latin1");
    // Its own header still has the beginning of the other name.
    expect(await refusal(tar(first, swapped))).toMatch(/a header that no bundle has/);
    const odd = Buffer.from(blocks);
    odd.write("size=", odd.indexOf("path="), "latin1");
    expect(await refusal(tar(first, odd))).toMatch(/pax record that no bundle has/);
    const short = Buffer.concat([blocks.subarray(0, 1_024), headerBlocks(file("a"))]);
    expect(await refusal(tar(first, short))).toMatch(/a header that no bundle has/);
  });

  test("one that ends early, has no manifest, or goes on after its end", async () => {
    const good = tar(first, file("a"));
    expect(await refusal(good.subarray(0, -1))).toMatch(/ends too early/);
    expect(await refusal(Buffer.alloc(0))).toMatch(/ends too early/);
    expect(await refusal(endBlocks)).toMatch(/no manifest/);
    expect(await refusal(tar(file("a")))).toMatch(/does not begin with \.gleaner/);
    expect(await refusal(Buffer.concat([good, Buffer.alloc(512)]))).toMatch(/follows its end/);
    expect(await refusal(tar(first, Buffer.alloc(512), file("a")))).toMatch(/an empty entry/);
    expect(await refusal(Buffer.from("#!/bin/sh\n".repeat(100)))).toMatch(/not a bundle|bundle's/);
  });

  test("one with too many files, or a manifest that is too large", async () => {
    const many = Array.from({ length: 20_001 }, (_, at) => file(`f${String(at).padStart(6, "0")}`));
    expect(await refusal(tar(first, ...many))).toMatch(/more than 20000 files/);
    const large = headerBlocks(file(".gleaner/function.json", 200_000));
    expect(await refusal(tar(large))).toMatch(
      /settings take 200000 bytes, and the limit is 131072/,
    );
  });
});
