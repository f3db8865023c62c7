// Functions in Python called from Python, with the compiled part unless $GLEANER_PURE_PYTHON is 1.

import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compiledPython, python } from "../../../../test/support/runtimes/python-runtime.js";
import { leasedWorker } from "../leased-worker.js";
import type { Row, Served } from "../row.js";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const command = (file: string, ...args: string[]): [string, ...string[]] => [
  python,
  ...["-B", at(`../python/${file}`), ...args],
];
const compiled = compiledPython();
const sdk = { PYTHONPATH: compiled.sdk };

async function served(cpu: number | null, isLocal: boolean): Promise<Served> {
  const worker = await leasedWorker(compiled.command, cpu, { isLocal, handler: "main.py:handler" });
  return { ...worker, environment: { ...worker.environment, ...sdk } };
}

export const rows: readonly Row[] = (["tcp", "unix"] as const).flatMap((transport): Row[] => {
  const python = { language: "python", transport } as const;
  return [
    { ...python, kind: "raw", serve: null, command: command("raw.py", transport) },
    {
      ...python,
      ...{ kind: "lease", command: command("lease.py") },
      serve: (cpu) => served(cpu, transport === "unix"),
    },
  ];
});

export async function close(): Promise<void> {
  rmSync(compiled.folder, { recursive: true });
}
