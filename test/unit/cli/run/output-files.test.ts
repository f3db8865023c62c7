// The files that a run writes: another user's link in a shared folder leads nowhere, and a FIFO
// that nobody reads stops nothing.

import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  lchownSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OutputFiles } from "../../../../src/cli/run/output-files.js";

let folder: string;
let file: string;
let link: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-output-"));
  [file, link] = [join(folder, "file"), join(folder, "link")];
  writeFileSync(file, "precious");
  symlinkSync(file, link);
});
afterEach(() => rmSync(folder, { recursive: true }));

function begin(pattern: string): void {
  const settings = { tasks: 1, name: "run", isAppended: false };
  const nothing = () => undefined;
  const files = new OutputFiles([pattern], settings, nothing, nothing);
  files.know({ id: 1, node: "n1" });
  files.close();
}

/** Only root may give a link to another user. */
const asRoot = process.geteuid!() === 0 ? test : test.skip;

asRoot("a link that another user made is refused with a sentence", () => {
  lchownSync(link, 65_534, 65_534);
  expect(() => begin(link)).toThrow(/link is a link that another user made: remove it, or write/);
  expect(readFileSync(file, "utf8")).toBe("precious");
});

test("the user's own link is followed", () => {
  begin(link);
  expect(readFileSync(file, "utf8")).toBe("");
});

test("a FIFO without a reader is refused with a sentence, and one with a reader is written", () => {
  const fifo = join(folder, "fifo");
  execFileSync("mkfifo", [fifo]);
  expect(() => begin(fifo)).toThrow(/fifo: nothing reads from it: start its reader first/);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  expect(() => begin(fifo)).not.toThrow();
  closeSync(reader);
});

test("each task has a file of its own where the pattern tells them apart", () => {
  const settings = { tasks: 3, name: "run", isAppended: false };
  const nothing = () => undefined;
  const pattern = join(folder, "%j-%t.out");
  const files = new OutputFiles([pattern], settings, nothing, nothing);
  expect(files.sinkOf(pattern, 0)).toBeUndefined();
  files.know({ id: 7 });
  files.know({ node: "n1" });
  expect(new Set([0, 1, 2].map((task) => files.sinkOf(pattern, task))).size).toBe(3);
  files.close();
  expect(existsSync(join(folder, "7-2.out"))).toBe(true);
});
