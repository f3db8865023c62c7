// The runtimes in C for tests: built once, plain and under the sanitizers, by whichever test file
// comes first.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");
/** Holds the programs, and in `asan/` the sanitized ones. */
export const runtimesFolder = join(root, "build", "test-runtimes");

/** Test files run side by side: flock lets one make at a time. */
export function makeRuntimes(targets: readonly ("all" | "asan")[] = ["all", "asan"]): void {
  mkdirSync(runtimesFolder, { recursive: true });
  const make = ["make", "-s", "-C", join(root, "src/runtimes"), `OUT=${runtimesFolder}`];
  for (const target of targets)
    execFileSync("flock", [join(runtimesFolder, ".lock"), ...make, target], { stdio: "pipe" });
}

/** Compiles a library into a bundle's folder. */
export function compileLibrary(folder: string, source: string, file = "lib.so"): void {
  const options = ["-x", "c", "-shared", "-fPIC", "-O1", "-o", join(folder, file), "-"];
  execFileSync("cc", options, { input: source, stdio: ["pipe", "pipe", "pipe"] });
}
