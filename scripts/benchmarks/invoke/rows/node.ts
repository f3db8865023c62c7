// Functions in JavaScript called from JavaScript.

import { fileURLToPath } from "node:url";
import { leasedWorker } from "../leased-worker.js";
import { nodeProgram } from "../node-program.js";
import type { Row } from "../row.js";

const raw = fileURLToPath(new URL("../node/raw.mjs", import.meta.url));
const program = await nodeProgram("lease");
const node = { language: "node" } as const;

export const rows: readonly Row[] = (["tcp", "unix"] as const).flatMap((transport): Row[] => [
  {
    ...{ ...node, kind: "raw", transport, serve: null },
    command: [process.execPath, raw, transport],
  },
  {
    ...{ ...node, kind: "lease", transport, command: [process.execPath, program] },
    serve: (cpu) => leasedWorker("node", cpu, { isLocal: transport === "unix" }),
  },
]);
