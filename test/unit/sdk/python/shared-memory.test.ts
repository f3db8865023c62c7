// Buffers of Python in memory that a native worker on this host shares, by the C library.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "@jest/globals";
import { makeLibrary } from "../../../support/runtimes/c-client.js";
import { compileLibrary } from "../../../support/runtimes/c-runtimes.js";
import { purePython, python } from "../../../support/runtimes/python-runtime.js";
import { bundleOf } from "../../../support/runtimes/runtime-process.js";
import { startServing, stopServing } from "../../../support/runtimes/serving.js";
import { HeldLeases } from "../../../support/sdk/held-leases.js";
import { endpointOf, Leasing } from "../../../support/sdk/leasing.js";

afterEach(stopServing);

const source = `
#include <stdint.h>
#include <string.h>
uint32_t handler(const void *in, uint32_t size, void *out)
{
	const double *from = in;
	double *to = out;
	if (size == 4 && memcmp(in, "fail", 4) == 0) return 1u << 31;
	for (uint32_t at = 0; at < size / sizeof *from; at++) to[at] = 2 * from[at];
	return size;
}`;

test("are written and read in place, and stay until nothing refers to them", async () => {
  const folder = bundleOf({});
  compileLibrary(folder, source);
  const { endpoint } = await startServing("native", folder, { outputLimitBytes: 64 << 20 });
  const held = await HeldLeases.start(new Leasing([endpointOf(endpoint)]));
  try {
    const program = join(import.meta.dirname, "shared_memory.py");
    const env = { ...process.env, PYTHONPATH: purePython.sdk, LD_LIBRARY_PATH: makeLibrary() };
    const { stdout } = await promisify(execFile)(python, ["-B", program, held.glean], { env });
    expect(stdout).toBe("ok\n");
  } finally {
    held.stop();
  }
}, 60_000);
