// The C programs of slurm-plugin/ for tests: built once, plain and under the sanitizers, by
// whichever test file comes first.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");
/** Holds the programs, and in `asan/` the sanitized ones. */
export const pluginFolder = join(root, "build", "test");

/** Test files run side by side: flock lets one make at a time. */
export function makePlugin(): void {
  mkdirSync(pluginFolder, { recursive: true });
  const make = ["make", "-s", "-C", join(root, "slurm-plugin"), `OUT=${pluginFolder}`];
  for (const targets of [
    ["all", "spank", join(pluginFolder, "selftest"), join(pluginFolder, "spank_host")],
    ["asan"],
  ])
    execFileSync("flock", [join(pluginFolder, ".lock"), ...make, ...targets], { stdio: "pipe" });
}
