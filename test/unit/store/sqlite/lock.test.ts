// One gleanerd for each state folder, by whatever name it is reached, whatever other users do.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { takeLock } from "../../../../src/store/sqlite/lock.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const lockOf = (name: string) => takeLock(join(name, "gleaner.db"));

test("a second lock is refused with a sentence, also under another path, until the first is released", () => {
  const other = `${folder}-link`;
  symlinkSync(folder, other);
  try {
    const lock = lockOf(folder);
    for (const name of [folder, other])
      expect(() => lockOf(name)).toThrow(
        `another gleanerd uses ${name}: stop it first, or give this one another stateDirectory`,
      );
    lock.close();
    lockOf(other).close();
  } finally {
    rmSync(other);
  }
});

test("another folder has a lock of its own, and a missing folder is created", () => {
  for (const lock of [lockOf(folder), lockOf(join(folder, "inner"))]) lock.close();
});

test("a user who takes the name of the former lock's socket does not keep gleanerd from starting", async () => {
  const digest = createHash("sha256").update(folder).digest("hex");
  const stranger = createServer().listen(`\0gleanerd-${digest}`);
  await once(stranger, "listening");
  lockOf(folder).close();
  stranger.close();
});
