// The frames of the direct path in Python: the vectors that all languages share, and what a worker
// that lies may send.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "@jest/globals";
import { compiledPython, purePython, python } from "../../../support/runtimes/python-runtime.js";

const compiled = compiledPython();
afterAll(() => rmSync(compiled.folder, { recursive: true }));

async function run(sdk: string, file: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, PYTHONPATH: sdk };
  const program = ["-B", join(import.meta.dirname, file), ...args];
  return (await promisify(execFile)(python, program, { env })).stdout.trim();
}

describe.each([
  ["in Python alone", purePython.sdk],
  ["with the compiled part", compiled.sdk],
])("%s", (_, sdk) => {
  test("reads and writes every vector of the direct path, and refuses the invalid ones", async () => {
    expect(await run(sdk, "vectors.py", resolve("test/vectors/direct"))).toBe(
      "21 frames, 19 invalid",
    );
  }, 20_000);

  test("ends on random and mutated frames, cut anywhere, with a frame or an error", async () => {
    expect(await run(sdk, "fuzz.py", resolve("test/vectors/direct"), "7")).toMatch(
      /^\d{4} refused$/,
    );
  }, 20_000);
});
