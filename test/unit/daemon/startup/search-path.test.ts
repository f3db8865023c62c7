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
  const place = (name: string, files: Readonly<Record<string, string>>) => {
    const folder = join(home, name);
    mkdirSync(folder);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    return folder;
  };
  const alias = `#!/bin/bash -p\n${aliasMark}\nexec glean as scontrol "$@"\n`;
  const names = place("names", { scontrol: alias, squeue: alias });
  const mixed = place("mixed", { scontrol: alias, unmunge: "\x7fELF" });
  const slurm = place("slurm", { scontrol: "\x7fELF" });
  const other = place("other", {});
  mkdirSync(join(other, "scontrol"));
  const empty = place("empty", {});
  const missing = join(home, "missing");
  const path = [mixed, names, other, empty, slurm, missing];
  expect(withoutAliases(path.join(":"))).toBe([mixed, other, empty, slurm, missing].join(":"));
});
