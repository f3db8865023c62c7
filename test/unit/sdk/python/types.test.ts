// The types of the Python package, as mypy sees them for its own code and for a program's.

import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { python } from "../../../support/runtimes/python-runtime.js";
import { pythonPackages } from "../../../support/sdk/python/packages.js";

const sources = resolve(import.meta.dirname, "../../../../src/sdk/python");

async function complaintsAbout(...files: string[]): Promise<string[]> {
  const packages = await pythonPackages();
  const cache = ["--cache-dir", join(packages, ".mypy_cache")];
  const env = { ...process.env, PYTHONPATH: packages, MYPYPATH: sources };
  const args = ["-m", "mypy", "--strict", "--no-error-summary", ...cache, ...files];
  const { stdout } = await promisify(execFile)(python, args, { env, cwd: sources }).catch(
    (error: { stdout: string }) => error,
  );
  return stdout.trim().split("\n").filter(Boolean);
}

test("mypy --strict has no complaint about the package, and the right ones about a program", async () => {
  expect(await complaintsAbout("gleaner", "build_backend.py")).toEqual([]);
  const program = join(import.meta.dirname, "typed.py");
  const found = (await complaintsAbout(program)).map((line) => line.replace(/^.*?typed.py/, ""));
  expect(found).toEqual([
    ':18: error: Unexpected keyword argument "worker" for "lease" of "AsyncConnection"; did you mean "workers"?  [call-arg]',
    expect.stringMatching(/^.* note: "lease" defined/),
    ':20: error: Argument 1 to "__call__" of "Function" has incompatible type "str"; expected "int"  [arg-type]',
  ]);
}, 120_000);
