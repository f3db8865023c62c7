// When a node counts as having no memory left, from the kernel's own figures.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { isNodeShortOf } from "../../../../src/executor/node/memory.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "memory-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([
  [131_071, 0, true],
  [131_072, 0, false],
  [131_072, 1, true],
  [132_096, 1, false],
])("%d kB available, whatever is free, and %d MB wanted: %s", (kB, memoryMb, isShort) => {
  const file = join(folder, "meminfo");
  writeFileSync(file, `MemTotal: 1 kB\nMemFree:  99 kB\nMemAvailable:   ${kB} kB\nBuffers: 1 kB\n`);
  expect(isNodeShortOf(memoryMb, file)).toBe(isShort);
});

test("a kernel that does not say what is available has memory", () => {
  const file = join(folder, "meminfo");
  writeFileSync(file, "MemTotal: 1 kB\nMemFree: 0 kB\n");
  expect(isNodeShortOf(1_000, file)).toBe(false);
});
