// Functions in JavaScript called from JavaScript.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { leasedWorker } from "../leased-worker.js";
import type { Row } from "../row.js";

const here = (file: string): string => fileURLToPath(new URL(`../node/${file}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "gleaner-invoke-"));
const program = join(folder, "lease.mjs");
const node = { language: "node" } as const;

// As users have the SDK: tsx would add work to each call.
await build({
  ...{ bundle: true, platform: "node", target: "node20", format: "esm", outfile: program },
  entryPoints: [here("lease.ts")],
});

export const rows: readonly Row[] = (["tcp", "unix"] as const).flatMap((transport): Row[] => [
  {
    ...{ ...node, kind: "raw", transport, serve: null },
    command: [process.execPath, here("raw.mjs"), transport],
  },
  {
    ...{ ...node, kind: "lease", transport, command: [process.execPath, program] },
    serve: (cpu) => leasedWorker("node", cpu, { isLocal: transport === "unix" }),
  },
]);

export async function close(): Promise<void> {
  rmSync(folder, { recursive: true });
}
