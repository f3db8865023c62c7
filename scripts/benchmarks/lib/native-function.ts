// Deploys a native function for a benchmark: C source, compiled here.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkerSettings } from "../../../src/wire/calls.js";
import { codeOf } from "../../../test/support/executor/function-code.js";
import type { Api } from "./api.js";

/** `source` defines `handler`. */
export async function deployNative(
  api: Api,
  name: string,
  source: string,
  change: Partial<WorkerSettings> = {},
): Promise<void> {
  const library = compiled(source);
  const { bundle } = await codeOf({ "lib.so": library }, { runtime: "native", ...change });
  await api.deploy(name, bundle);
}

function compiled(source: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-native-"));
  try {
    const file = join(folder, "lib.so");
    const options = ["-x", "c", "-shared", "-fPIC", "-O2", "-o", file, "-"];
    execFileSync("cc", options, { input: source });
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
