// function.yaml as it is read from the disk.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { readFunctionFile } from "../../../../src/cli/functions/file.js";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-function-"));
  file = join(folder, "function.yaml");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("its keys are options, each with the place where it stands", async () => {
  writeFileSync(file, "runtime: python\n");
  expect(await readFunctionFile(folder)).toEqual([
    { option: "runtime", value: "python", where: `${file}: runtime` },
  ]);
});

test("a folder without one gives no options", async () => {
  expect(await readFunctionFile(folder)).toEqual([]);
});

test("a device that never ends is refused", async () => {
  symlinkSync("/dev/zero", file);
  await expect(readFunctionFile(folder)).rejects.toThrow(`${file} has more than 1048576 bytes`);
});
