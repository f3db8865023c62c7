// Functions in JavaScript called from JavaScript.

import { fileURLToPath } from "node:url";
import { leasedWorker } from "../leased-worker.js";
import { nodeCommand, type Row } from "../row.js";

const here = (file: string): string => fileURLToPath(new URL(`../node/${file}`, import.meta.url));
const node = { language: "node" } as const;

export const rows: readonly Row[] = (["tcp", "unix"] as const).flatMap((transport): Row[] => [
  {
    ...node,
    ...{ kind: "raw", transport, serve: null, command: nodeCommand(here("raw.mjs"), transport) },
  },
  {
    ...node,
    ...{ kind: "lease", transport, command: nodeCommand(here("lease.ts")) },
    serve: (cpu) => leasedWorker("node", cpu, { isLocal: transport === "unix" }),
  },
]);
