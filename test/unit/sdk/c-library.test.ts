// libgleaner against native workers, both under the sanitizers: each transport, failures, and
// workers that die.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { makeBench, makeClient, runClient } from "../../support/runtimes/c-client.js";
import { compileLibrary, makeRuntimes, runtimesFolder } from "../../support/runtimes/c-runtimes.js";
import { bundleOf } from "../../support/runtimes/runtime-process.js";
import { startServing, stopServing } from "../../support/runtimes/serving.js";

const source = `
#include <stdint.h>
#include <string.h>
#include <unistd.h>
uint32_t handler(const void *in, uint32_t size, void *out)
{
	if (size == 4 && memcmp(in, "fail", 4) == 0) return 1u << 31;
	if (size == 4 && memcmp(in, "wide", 4) == 0) return 20000;
	if (size == 3 && memcmp(in, "die", 3) == 0) _exit(3);
	memcpy(out, in, size);
	return size;
}`;

let client = "";
beforeAll(() => {
  makeRuntimes();
  client = makeClient("selftest");
}, 120_000);
afterEach(stopServing);

async function serve(hotMs = 0, worker = "1.1", ofiProvider?: string) {
  const folder = bundleOf({});
  compileLibrary(folder, source);
  const program = join(runtimesFolder, "asan/glean-runtime-native");
  return await startServing([program], folder, {
    ...{ hotMs, worker, outputLimitBytes: 6 << 20 },
    ...(ofiProvider !== undefined && { ofiProvider }),
  });
}

test.each([
  ["tcp", 0],
  ["unix", 0],
  ["shm", 0],
  ["shm", -1],
])(
  "calls a worker over %s, which spins %d ms",
  async (transport, hotMs) => {
    const { endpoint } = await serve(hotMs);
    expect(await runClient([client, transport], [endpoint])).toBe("ok\n");
  },
  60_000,
);

test.each([
  ["tcp", 0],
  ["shm", 0],
  ["shm", -1],
])(
  "calls a worker over libfabric's provider %s, which spins %d ms",
  async (provider, hotMs) => {
    const { endpoint } = await serve(hotMs, "1.1", provider);
    expect(await runClient([client, "ofi"], [endpoint])).toBe("ok\n");
  },
  60_000,
);

test("the bench times each transport, and says which one programs use", async () => {
  const bench = makeBench();
  const folder = bundleOf({});
  copyFileSync(join(bench, "glean-lease-bench.so"), join(folder, "bench.so"));
  const { endpoint } = await startServing("native", folder, { ofiProvider: "tcp" });
  const said = await runClient([join(bench, "glean-lease-bench"), "5"], [endpoint]);
  const lines = said
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const raw = expect.objectContaining({ bytes: 1, rawP50Us: expect.any(Number) });
  expect(lines).toEqual([
    expect.objectContaining({ transport: "shm", sizes: expect.any(Array) }),
    ...["unix", "tcp", "ofi"].map((transport) =>
      expect.objectContaining({ transport, sizes: expect.arrayContaining([raw]) }),
    ),
    { used: "shm" },
  ]);
}, 60_000);

test("spreads calls over two workers, and goes on with one", async () => {
  const both = await Promise.all([serve(0, "1.1"), serve(0, "2.1")]);
  const endpoints = both.map(({ endpoint }) => endpoint);
  expect(await runClient([client, "best"], endpoints)).toBe("ok\n");
}, 60_000);
