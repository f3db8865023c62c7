// glean-acceptor for tests: built once, plain and under the sanitizers, by whichever test file
// comes first.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");
const folder = join(root, "build", "test-acceptor");

/** Returns the program. */
export function makeAcceptor(target: "all" | "asan"): string {
  mkdirSync(folder, { recursive: true });
  const make = ["make", "-s", "-C", join(root, "src/daemon/api/acceptor"), `OUT=${folder}`, target];
  execFileSync("flock", [join(folder, ".lock"), ...make], { stdio: "pipe" });
  return join(folder, target === "asan" ? "asan/glean-acceptor" : "glean-acceptor");
}
