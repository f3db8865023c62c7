// A function in C called from C over libfabric, with providers that can be tried anywhere. Both
// ends spin, as those of the bare program do. Needs libfabric-dev.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureInstalled } from "../../../cluster/programs.js";
import { leasedWorker } from "../leased-worker.js";
import type { Row } from "../row.js";

const sources = fileURLToPath(new URL("../c/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "gleaner-invoke-"));
const program = (name: string): string => join(folder, name);
const outputLimitBytes = 6 << 20;

await ensureInstalled(["/usr/include/rdma/fabric.h=libfabric-dev", "pkg-config=pkg-config"]);
execFileSync("make", ["-s", "-C", sources, `OUT=${folder}`, "all", program("raw_ofi")], {
  stdio: ["ignore", "ignore", "inherit"],
});

export const rows: readonly Row[] = ["tcp", "shm"].flatMap((provider): Row[] => {
  const row = { language: "c", transport: `ofi-${provider}` } as const;
  const worker = { isLocal: false, hotMs: -1, ofiProvider: provider, outputLimitBytes };
  return [
    { ...row, kind: "raw", serve: null, command: [program("raw_ofi"), provider] },
    {
      ...row,
      kind: "ofi",
      command: [program("lease"), "ofi"],
      serve: (cpu) => leasedWorker("native", cpu, { ...worker, code: program("function") }),
    },
  ];
});

export async function close(): Promise<void> {
  rmSync(folder, { recursive: true });
}
