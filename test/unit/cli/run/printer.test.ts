// The files that a run writes: their names, what is in them, and what is said of a bad one.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Printer, type PrinterSettings } from "../../../../src/cli/run/printer.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-printer-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const path = (name: string) => join(folder, name);
const text = (name: string) => readFileSync(path(name), "utf8");
const to = (name: string) => ({ file: path(name) });
const ignored = () => undefined;

const usual = { tasks: 1, label: false, unbuffered: false, name: "job", isAppended: false };
const printer = (
  change: Partial<PrinterSettings> & Pick<PrinterSettings, "output" | "errors">,
  onBroken: () => void = ignored,
) => new Printer({ ...usual, ...change }, ignored, onBroken);

test("both streams share a file of the same name, which is emptied or appended to", async () => {
  for (const [isAppended, expected] of [
    [false, "out\nerr\n"],
    [true, "old\nout\nerr\n"],
  ] as const) {
    writeFileSync(path("both"), "old\n");
    const both = printer({ output: to("both"), errors: to("both"), isAppended });
    both.print(0, "output", Buffer.from("out\n"));
    both.print(0, "errors", Buffer.from("err\n"));
    await both.finish();
    expect([text("both"), both.problem]).toEqual([expected, null]);
  }
});

test("names are filled in as soon as they are known; labels are written, too", async () => {
  const settings = { tasks: 2, label: true, output: to("%x-%j-%t"), errors: to("%N.%J") };
  const several = printer(settings);
  expect(existsSync(path("job-7-0"))).toBe(false);
  several.know({ id: 7 });
  expect([text("job-7-0"), existsSync(path("n1.7.0"))]).toEqual(["", false]);
  several.know({ node: "n1.site" });
  several.print(1, "output", Buffer.from("a\nb"));
  several.print(0, "errors", Buffer.from("c\n"));
  several.ended(1);
  await several.finish();
  expect([text("job-7-0"), text("job-7-1"), text("n1.7.0")]).toEqual([
    "",
    "1: a\n1: b\n",
    "0: c\n",
  ]);
});

test("what nobody gets does not count as printed", async () => {
  const silent = printer({ tasks: 2, output: "none", errors: 1 });
  expect(silent.print(0, "output", Buffer.from("x"))).toBe(true);
  silent.print(0, "errors", Buffer.from("x"));
  await silent.finish();
  expect(silent.printedBytes).toBe(0);
});

test("a file that cannot be opened is refused; a full disk is said once", async () => {
  const missing = to("missing/file");
  expect(() => printer({ output: missing, errors: missing })).toThrow(
    `cannot write ${missing.file}: no such file or directory: write elsewhere with --output`,
  );
  let breaks = 0;
  const full = { file: "/dev/full" };
  const broken = printer({ output: full, errors: full }, () => breaks++);
  broken.print(0, "output", Buffer.from("x"));
  broken.print(0, "errors", Buffer.from("y"));
  await broken.finish();
  broken.print(0, "output", Buffer.from("z"));
  expect(breaks).toBe(1);
  expect(broken.problem).toMatch(/^cannot write \/dev\/full: no space left on device: /);
});
