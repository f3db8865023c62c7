// One gleanerd for each state directory, by whatever name it is reached.

import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { takeLock } from "../../../../src/daemon/startup/lock.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a second lock is refused with a sentence, also under another path, until the first is released", async () => {
  const other = `${folder}-link`;
  symlinkSync(folder, other);
  try {
    const lock = await takeLock(folder);
    for (const name of [folder, other])
      await expect(takeLock(name)).rejects.toMatchObject({
        code: "CONFIG",
        message: `another gleanerd uses ${name}: stop it first, or give this one another stateDirectory`,
      });
    await new Promise((resolve) => lock.close(resolve));
    const next = await takeLock(other);
    await new Promise((resolve) => next.close(resolve));
  } finally {
    rmSync(other);
  }
});

test("another directory has a lock of its own", async () => {
  const locks = [await takeLock(folder), await takeLock(tmpdir())];
  for (const lock of locks) await new Promise((resolve) => lock.close(resolve));
});
