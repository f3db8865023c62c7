// The codec of the Python runtime, against the vectors that all runtimes share, and what its
// compiled part makes of frames that lie.

import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { compiledPython, python, pythonFolder } from "../../../support/runtimes/python-runtime.js";

test.each(["worker", "direct"])("reads and writes every vector: %s", (protocol) => {
  const vectors = `test/vectors/${protocol}/frames.json`;
  const { frames, invalid } = JSON.parse(readFileSync(vectors, "utf8"));
  const script = join(import.meta.dirname, "vectors.py");
  const counts = execFileSync(python, ["-B", script, pythonFolder, vectors], { encoding: "utf8" });
  expect(counts).toBe(`${frames.length} ${invalid.length}\n`);
});

test("takes no call in the compiled part that the code in Python would not", () => {
  const { command, folder } = compiledPython();
  const script = join(import.meta.dirname, "fuzz.py");
  const args = ["-B", script, command.at(-1)!, "test/vectors/direct/frames.json"];
  expect(execFileSync(python, args, { encoding: "utf8" })).toBe("taken or left\n");
  rmSync(folder, { recursive: true });
});
