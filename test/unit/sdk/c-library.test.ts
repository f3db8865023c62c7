// libgleaner against native workers, both under the sanitizers: each transport, failures, and
// workers that die.

import { copyFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { until } from "../../support/executor/executor.js";
import { makeBench, makeClient, runClient } from "../../support/runtimes/c-client.js";
import { compileLibrary, makeRuntimes, runtimesFolder } from "../../support/runtimes/c-runtimes.js";
import { bundleOf } from "../../support/runtimes/runtime-process.js";
import { startServing, stopServing } from "../../support/runtimes/serving.js";
import { ScriptedWorker } from "../../support/sdk/scripted-worker.js";

const source = `
#include <stdint.h>
#include <string.h>
#include <unistd.h>
uint32_t handler(const void *in, uint32_t size, void *out)
{
	if (size == 4 && memcmp(in, "fail", 4) == 0) return 1u << 31;
	if (size == 4 && memcmp(in, "wide", 4) == 0) return 20000;
	if (size == 4 && memcmp(in, "kilo", 4) == 0) return 1024;
	if (size == 3 && memcmp(in, "die", 3) == 0) _exit(3);
	memcpy(out, in, size);
	return size;
}`;

let client = "";
let calls = "";
beforeAll(() => {
  makeRuntimes();
  client = makeClient("selftest");
  calls = makeClient("calls");
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
    const { endpoint, runtime } = await serve(hotMs, "1.1", provider);
    expect(await runClient([client, "ofi"], [endpoint])).toBe("ok\n");
    // It died while a client was connected to it.
    const { pid } = runtime.child;
    const ofWorker = new RegExp(`^(gleaner-)?${pid}[-:]`);
    expect(readdirSync("/dev/shm").filter((name) => ofWorker.test(name))).toEqual([]);
  },
  60_000,
);

test.each(["late", "closing", "nested", "early", "full", "overwritten"])(
  "is safe against callbacks that call it, and odd workers: %s",
  async (what) => {
    expect(await runClient([makeClient("callbacks"), what], [])).toBe("ok\n");
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

const mistakes = [
  'invalid function "": expected the name of a function',
  'invalid function "--help": expected the name of a function',
  "invalid workers 70000: expected a number from 1 to 65536, or 0 for the default",
  "invalid ttl_ms 1: expected a number from 100 to 86400000, or 0 for the default",
  "invalid hot_ms -2: expected a number from -1 to 86400000",
  "invalid retry 7: expected GLEANER_RETRY_EVICTED or GLEANER_RETRY_NEVER",
  "invalid transport 7: expected one of gleaner_transport",
  "invalid ring_bytes 3: expected a power of two from 64 KiB to 256 MiB",
  "the options are NULL: expected at least the name of a function",
  "the place for the lease is NULL",
  "the lease is NULL: open one first",
  "the input is NULL, and has 1 bytes",
  "the output is NULL, and has room for 8 bytes",
  "the input has 68157440 bytes and the limit is 67108864: put the data into a file, and name it in the input",
  "the call is NULL: it was not made, since its arguments are invalid or there was no memory",
  "the call is NULL: it was not made, since its arguments are invalid or there was no memory",
  "0 0 1 there is no lease",
];

test("tells each mistake of a program in one sentence", async () => {
  const { endpoint } = await serve();
  const said = await runClient([calls, "20000", "mistakes"], [endpoint]);
  expect(said.trimEnd().split("\n")).toEqual(mistakes);
}, 60_000);

test("a worker sleeps while its rings have no room for the next answer", async () => {
  const { endpoint, runtime } = await serve();
  let pid = 0;
  const said = runClient([calls, "60000", "deaf"], [endpoint], (child) => {
    pid = child.pid!;
  });
  try {
    await until(() => stateOf(pid) === "T");
    // At work, it never sleeps.
    await until(() => stateOf(runtime.child.pid!) === "S");
  } finally {
    process.kill(pid, "SIGCONT");
  }
  expect(await said).toBe("200\n");
}, 60_000);

function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat[stat.lastIndexOf(")") + 2]!;
}

describe("a worker that does not answer as it should", () => {
  const workers: ScriptedWorker[] = [];
  afterEach(() => {
    for (const worker of workers.splice(0)) worker.stop();
  });
  const start = async (...args: Parameters<typeof ScriptedWorker.start>) => {
    const worker = await ScriptedWorker.start(...args);
    workers.push(worker);
    return worker;
  };
  const answer: Parameters<typeof ScriptedWorker.start>[0] = (id, { outbox }) =>
    outbox.send("result", id, Buffer.from("ok"));

  test("is asked again if it is busy, or another one is", async () => {
    let busy = 5;
    const one = await start((id, client) =>
      busy-- > 0 ? client.outbox.send("busy", id) : answer(id, client),
    );
    expect(await runClient([calls, "20000", "a"], [one.endpoint])).toBe("0\n");
    expect(one.calls).toBe(6);
    busy = Number.POSITIVE_INFINITY;
    const other = await start(answer, "2.1");
    const both = [one.endpoint, other.endpoint];
    expect(await runClient([calls, "20000", "a", "b"], both)).toBe("0\n0\n");
    expect(other.calls).toBe(2);
  }, 30_000);

  test("is told at the deadline that nobody waits any more", async () => {
    const worker = await start((id, client) => {
      if (id > 1) answer(id, client);
    });
    // On a busy machine the second one may be late as well.
    const said = await runClient([calls, "200", "a", "b"], [worker.endpoint]);
    expect(said).toMatch(/^7\n[07]\n$/);
    expect(worker.cancels[0]).toBe(1);
  }, 30_000);

  test("is told so too while it answers one call after the other", async () => {
    const worker = await start((id, client) => {
      setTimeout(() => answer(id, client), id * 100);
    });
    const inputs = Array.from({ length: 20 }, () => "a");
    const said = await runClient([calls, "500", "all", ...inputs], [worker.endpoint]);
    // It answers the last one after 2 s.
    expect(said.trimEnd().split("\n").slice(-2)).toEqual(["7", "7"]);
  }, 30_000);
});
