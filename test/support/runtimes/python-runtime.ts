// The runtime for Python and the SDK, as they stand in the sources, and with their compiled part.

import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "./runtime-process.js";

/** The system's own, which is no wrapper that takes time to start. */
export const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
const folder = resolve(import.meta.dirname, "../../../src/runtimes/python");

/** -B: the sources stay as they are. */
export const pythonCommand: Command = [python, "-B", folder];
export const parentCommand: Command = [...pythonCommand, "--parent"];
export const pythonFolder = folder;

const sdkFolder = resolve(import.meta.dirname, "../../../src/sdk/python");

/** What runs workers, and the folder of the package for PYTHONPATH. */
export interface PythonParts {
  readonly command: Command;
  readonly sdk: string;
}
export const purePython: PythonParts = { command: pythonCommand, sdk: sdkFolder };

/** Made in a temporary folder, which the caller removes. */
export function compiledPython(): PythonParts & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-compiled-python-"));
  const [runtime, sdk] = [join(folder, "runtime"), join(folder, "sdk")];
  cpSync(pythonFolder, runtime, { recursive: true });
  cpSync(join(sdkFolder, "gleaner"), join(sdk, "gleaner"), { recursive: true });
  const made = join(sdk, "gleaner/direct/_exchange.abi3.so");
  execFileSync(python, ["-B", join(sdkFolder, "build_backend.py"), made]);
  copyFileSync(made, join(runtime, "glean_runtime/serving/_exchange.abi3.so"));
  return { command: [python, "-B", runtime], sdk, folder };
}
