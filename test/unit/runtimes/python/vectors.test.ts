// The codec of the Python runtime, against the vectors that all runtimes share.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { python, pythonFolder } from "../../../support/runtimes/python-runtime.js";

test.each(["worker", "direct"])("reads and writes every vector: %s", (protocol) => {
  const vectors = `test/vectors/${protocol}/frames.json`;
  const { frames, invalid } = JSON.parse(readFileSync(vectors, "utf8"));
  const script = join(import.meta.dirname, "vectors.py");
  const counts = execFileSync(python, ["-B", script, pythonFolder, vectors], { encoding: "utf8" });
  expect(counts).toBe(`${frames.length} ${invalid.length}\n`);
});
