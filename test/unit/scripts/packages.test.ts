// What the packages hold, with files that are made up: the real ones are installed and used by
// test/slurm/packages.test.ts.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { packages, type Tree } from "../../../scripts/packages/contents.mjs";

let root: string;
const runtimes = ["attach", "exec", "native", "node.cjs", "python"];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "packages-"));
  const files = runtimes.map((name) => `dist/glean-runtime-${name}`);
  for (const file of [...files, "man/man1/glean.1", "configs/gleaner.lua"]) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    writeFileSync(join(root, file), "");
  }
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

/** The paths that a package puts into a tree. */
function pathsOf(name: string): string[] {
  const paths: string[] = [];
  const take = (_from: string, to: string) => void paths.push(to);
  const tree: Tree = {
    ...{ copy: take, copyStripped: take, copyFolder: take, copyCompressed: take },
    write: (to) => void paths.push(to),
    directory: (path) => void paths.push(path),
  };
  packages.find((each) => each.name === name)!.fill(tree, { root });
  return paths;
}

test.each(runtimes)("glean on a login node has glean-runtime-%s, to test a function", (name) => {
  const paths = pathsOf("gleaner-client");
  expect(paths).toContain("/usr/lib/gleaner-client/glean.cjs");
  expect(paths).toContain(`/usr/lib/gleaner-client/glean-runtime-${name}`);
});
