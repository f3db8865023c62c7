// Programs in TypeScript as users have them: bundled, since tsx would add work to each call, and
// readable for all.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const banner =
  'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);';

/** `name`: of a file in the folder `node`, without its ending. It is removed at the end. */
export async function nodeProgram(name: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-invoke-"));
  process.once("exit", () => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const program = join(folder, `${name}.mjs`);
  await build({
    ...{ bundle: true, platform: "node", target: "node20", format: "esm", outfile: program },
    entryPoints: [fileURLToPath(new URL(`node/${name}.ts`, import.meta.url))],
    // For packages in CommonJS.
    banner: { js: banner },
  });
  return program;
}
