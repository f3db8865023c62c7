// What a lease adds to a call of SeBS's graph kernels, over calling their handler in a plain Python
// process, and what a second process behind a bare socket adds: warm, in turn. Not pinned, because
// pagerank has threads. Needs Debian's python3-igraph.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { compiledPython, python } from "../../../../test/support/runtimes/python-runtime.js";
import { measuredPercentiles, median, rounded } from "../../lib/figures.js";
import { leasedWorker } from "../leased-worker.js";

const repetitions = 201;
/** What the lease may add: this share of the plain call, and this time. */
const bar = { share: 0.02, ms: 0.2 };
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface KernelTimes {
  readonly plain: readonly number[];
  readonly lease: readonly number[];
  readonly bare: readonly number[];
  readonly json: readonly number[];
}

export async function measure(): Promise<object> {
  const code = mkdtempSync(join(tmpdir(), "gleaner-sebs-"));
  await copyFile(at("../python/graphs.py"), join(code, "graphs.py"));
  const options = { isLocal: true, handler: "graphs.py:handler", code };
  const compiled = compiledPython();
  const worker = await leasedWorker(compiled.command, null, options);
  const env = { ...process.env, PYTHONPATH: compiled.sdk, ...worker.environment };
  const args = ["-B", at("../python/sebs.py"), String(repetitions)];
  try {
    const { stdout } = await promisify(execFile)(python, args, { env, maxBuffer: 2 ** 26 });
    const times: Record<string, KernelTimes> = JSON.parse(stdout);
    const figures = Object.entries(times).map(([name, each]) => [name, figuresOf(name, each)]);
    return { repetitions, ...Object.fromEntries(figures) };
  } finally {
    await worker.stop();
    for (const folder of [code, compiled.folder]) rmSync(folder, { recursive: true });
  }
}

function figuresOf(name: string, { plain, lease, bare, json }: KernelTimes): object {
  const [plainMs, leaseMs, jsonMs] = [median(plain), median(lease), median(json)];
  // Both times have the same graph.
  const over = (times: readonly number[]) => median(times.map((value, at) => value - plain[at]!));
  const overheadMs = over(lease);
  const barMs = bar.share * plainMs + bar.ms;
  return {
    ...{ plainMs: rounded(plainMs, 3), leaseMs: rounded(leaseMs, 3) },
    leaseP99ms: rounded(measuredPercentiles(name, lease).p99, 3),
    ...{ overheadMs: rounded(overheadMs, 3), barMs: rounded(barMs, 3) },
    ...{ bareOverheadMs: rounded(over(bare), 3) },
    ...{ jsonMs: rounded(jsonMs, 3), withinBar: overheadMs <= barMs },
  };
}
