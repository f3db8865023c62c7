// Compiles the demo's programs in C into a site's folder of programs.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureInstalled } from "../cluster/cluster.js";
import type { Site } from "../site/site.js";

/** Returns the path of the program. */
export async function compileTool(site: Site, name: "tile" | "witness"): Promise<string> {
  await ensureInstalled(["gcc=gcc"]);
  const program = join(site.files.programs, name);
  const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
  execFileSync("gcc", ["-O2", "-o", program, source, "-lm"]);
  return program;
}
