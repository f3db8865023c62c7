// A function in C called from C: over sockets, and over shared memory with both ends hot. Rows
// "inPlace" write inputs and read outputs where they lie in the shared memory. Raw rows "copied"
// copy each message once, as the function cannot avoid to do.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { leasedWorker } from "../leased-worker.js";
import type { Row } from "../row.js";

const sources = fileURLToPath(new URL("../c/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "gleaner-invoke-"));
const c = { language: "c" } as const;

execFileSync("make", ["-s", "-C", sources, `OUT=${folder}`], {
  stdio: ["ignore", "ignore", "inherit"],
});

const serve = (isLocal: boolean, hotMs: number) => (cpu: number | null) =>
  leasedWorker("native", cpu, { isLocal, hotMs, code: join(folder, "function") });
const raw = (...args: string[]): [string, ...string[]] => [join(folder, "raw"), ...args];
const lease = (transport: string): [string, string] => [join(folder, "lease"), transport];

export const rows: readonly Row[] = [
  ...(["tcp", "unix"] as const).flatMap((transport): Row[] => [
    { ...c, kind: "raw", transport, serve: null, command: raw(transport) },
    {
      ...c,
      ...{ kind: "raw", transport: `${transport}Copied`, serve: null },
      command: raw(transport, "copied"),
    },
    {
      ...c,
      ...{ kind: "lease", transport, command: lease(transport) },
      serve: serve(transport === "unix", 0),
    },
  ]),
  { ...c, kind: "shm", transport: "shm", serve: serve(true, -1), command: lease("shm") },
  { ...c, kind: "shm", transport: "inPlace", serve: serve(true, -1), command: lease("inPlace") },
];

export async function close(): Promise<void> {
  rmSync(folder, { recursive: true });
}
