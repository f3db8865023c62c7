// The frames of the direct path in Python: the vectors that all languages share, and what a worker
// that lies may send.

import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { python } from "../../../support/runtimes/python-runtime.js";

const sources = resolve(import.meta.dirname, "../../../../src/sdk/python");

async function run(file: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, PYTHONPATH: sources };
  const program = ["-B", join(import.meta.dirname, file), ...args];
  return (await promisify(execFile)(python, program, { env })).stdout.trim();
}

test("reads and writes every vector of the direct path, and refuses the invalid ones", async () => {
  expect(await run("vectors.py", resolve("test/vectors/direct"))).toBe("21 frames, 19 invalid");
}, 20_000);

test("ends on random and mutated frames, cut anywhere, with a frame or an error", async () => {
  expect(await run("fuzz.py", resolve("test/vectors/direct"), "7")).toMatch(/^\d{4} refused$/);
}, 20_000);
