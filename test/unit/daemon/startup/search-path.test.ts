// gleanerd started in a shell whose PATH begins with aliases of Slurm's names.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { withoutAliases } from "../../../../src/daemon/startup/search-path.js";
import { aliasMark } from "../../../../src/model/slurm/own-names.js";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "glean-path-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

test("folders of aliases are left out, and all others are kept in their order", () => {
  const place = (name: string, text: string | null) => {
    const folder = join(home, name);
    mkdirSync(folder);
    if (text !== null) writeFileSync(join(folder, "scontrol"), text);
    return folder;
  };
  const names = place("names", `#!/bin/bash -p\n${aliasMark}\nexec glean as scontrol "$@"\n`);
  const slurm = place("slurm", "\x7fELF");
  const other = place("other", null);
  mkdirSync(join(other, "scontrol"));
  const missing = join(home, "missing");
  const path = [names, other, slurm, missing];
  expect(withoutAliases(path.join(":"))).toBe([other, slurm, missing].join(":"));
});
