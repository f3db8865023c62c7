// Arrays of numpy to a native worker on the same host and back: over the unix socket by the Python
// SDK alone, and through libgleaner's shared memory, copied and in place. Not pinned.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeLibrary } from "../../../../test/support/runtimes/c-client.js";
import { compileLibrary } from "../../../../test/support/runtimes/c-runtimes.js";
import { compiledPython, python } from "../../../../test/support/runtimes/python-runtime.js";
import { startServing } from "../../../../test/support/runtimes/serving.js";
import { HeldLeases } from "../../../../test/support/sdk/held-leases.js";
import { endpointOf, Leasing } from "../../../../test/support/sdk/leasing.js";
import { median, rounded } from "../../lib/figures.js";

const rounds = 25;
const outputLimitBytes = 64 << 20;
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface Way {
  readonly tookUs: readonly number[];
  readonly usedUs: readonly number[];
}

/** By size and way: microseconds of a call, and of processor time for it on both sides. */
export async function measure(): Promise<object> {
  const code = mkdtempSync(join(tmpdir(), "gleaner-buffers-"));
  compileLibrary(code, readFileSync(at("../c/echo.c"), "utf8"));
  const compiled = compiledPython();
  const { endpoint, runtime } = await startServing("native", code, { outputLimitBytes });
  const held = await HeldLeases.start(new Leasing([endpointOf(endpoint)]));
  const env = {
    ...process.env,
    ...{ PYTHONPATH: compiled.sdk, LD_LIBRARY_PATH: makeLibrary() },
    LEASE_ENDPOINT: JSON.stringify(endpoint),
  };
  const args = ["-B", at("../python/buffers.py"), held.glean, String(runtime.child.pid)];
  try {
    const { stdout } = await promisify(execFile)(python, [...args, String(rounds)], {
      ...{ env, maxBuffer: 2 ** 26 },
    });
    const found: Record<string, Record<string, Way>> = JSON.parse(stdout);
    const buffers = Object.entries(found).map(([size, ways]) => [size, figuresOf(ways)]);
    return { buffers: Object.fromEntries(buffers) };
  } finally {
    held.stop();
    for (const folder of [code, compiled.folder]) rmSync(folder, { recursive: true });
  }
}

function figuresOf(ways: Readonly<Record<string, Way>>): object {
  const figures = Object.entries(ways).map(([way, { tookUs, usedUs }]) => [
    way,
    { p50us: rounded(median(tookUs), 1), processorUs: rounded(median(usedUs), 1) },
  ]);
  return Object.fromEntries(figures);
}
