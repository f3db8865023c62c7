// Shared libraries and programs that break the rules of their runtime on a real node: the call ends
// by what they did, in words, and the next call of the function runs.

import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { WorkerSettings } from "../../../../src/wire/calls.js";
import { callingNode, logOf, resultOf } from "../../../support/executor/calling-node.js";
import {
  compileLibrary,
  makeRuntimes,
  runtimesFolder,
} from "../../../support/runtimes/c-runtimes.js";

const at = callingNode({}, async (folder) => {
  await makeRuntimes();
  for (const name of ["glean-runtime-native", "glean-runtime-exec"])
    cpSync(join(runtimesFolder, name), join(folder, name));
});

/** What it does is the first letter of its input, a text in JSON; else it returns its input. */
const library = `#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <unistd.h>
uint32_t handler(const void *in, uint32_t size, void *out)
{
	switch (((const char *)in)[1]) {
	case 'e': exit(3);
	case 'c': abort();
	case 'k': kill(getpid(), SIGKILL); pause();
	case 'd': close(3); break;
	case 's': write(3, "HTTP/1.1 200 OK\\r\\n\\r\\n and more", 29); pause();
	/* A result without bytes, of call 1. */
	case 'a': write(3, "\\0\\0\\0\\0\\7\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0", 16); break;
	case 'b': for (;;) pause();
	case 'l': for (;;) memset(malloc(1 << 20), 1, 1 << 20);
	case 'p': for (int at = 0; at < 1 << 18; at++) puts("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"); break;
	case 'f': if (fork() == 0) for (;;) pause(); break;
	}
	memcpy(out, in, size);
	return size;
}
`;
const program = `#!/bin/bash
input=$(cat)
case "\${input:1:1}" in
e) exit 3 ;;
c) kill -ABRT $$ ;;
k) kill -KILL $$ ;;
l) exec tail /dev/zero ;;
i) tail /dev/zero ;;
s) echo HTTP/1.1 >&3 || exit 4 ;;
b) exec sleep 600 ;;
p) yes xxxxxxxxxxxxxxxx | head -c 16M >&2 ;;
r) exec head -c 100000000 /dev/zero ;;
f) sleep 600 & ;;
esac
printf %s "$input"
`;
type Runtime = WorkerSettings["runtime"] & ("native" | "exec");
const files: Record<Runtime, Record<string, string | Uint8Array>> = {
  native: {},
  exec: { handler: program },
};
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "glean-library-"));
  compileLibrary(folder, library);
  files.native = { "lib.so": readFileSync(join(folder, "lib.so")) };
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each<[Runtime, string, string, RegExp]>([
  ["native", "exits", "FAILED", /exit/],
  ["native", "crashes", "FAILED", /signal 6/],
  ["native", "kills itself", "FAILED", /SIGKILL/],
  ["native", "drops descriptor 3", "FAILED", /./],
  ["native", "blocks", "TIMEOUT", /time limit/],
  ["native", "leaks", "OUT_OF_MEMORY", /limit of 100 MB \(peak \d+ MB\): deploy .* --mem$/],
  ["native", "speaks garbage", "FAILED", /^ProtocolError: .*no frame/],
  ["native", "answers for its runtime", "FAILED", /answered a call that it was never sent/],
  ["exec", "exits", "FAILED", /3/],
  ["exec", "crashes", "FAILED", /signal 6|SIGABRT/],
  ["exec", "kills itself", "FAILED", /signal 9|SIGKILL/],
  ["exec", "blocks", "TIMEOUT", /time limit/],
  [
    "exec",
    "leaks",
    "OUT_OF_MEMORY",
    /limit of 100 MB \(peak \d+ MB\): deploy .* --mem; .*signal 9/,
  ],
  ["exec", "ignores that its child leaked", "OUT_OF_MEMORY", /with a larger --mem$/],
  ["exec", "speaks garbage", "FAILED", /status 4/],
  ["exec", "returns 100 MB", "FAILED", /67108864|limit|64 MiB/],
])("a handler of %s that %s ends its call %s", async (runtime, what, end, reason) => {
  const code = await at.function(files[runtime], { runtime });
  const isLimited = end === "TIMEOUT";
  // However long the start of a worker takes, the call begins within its limit.
  if (isLimited) await at.call(code, "Fine", { memoryMb: 100 });
  const limits = { memoryMb: 100, timeLimitMs: isLimited ? 1_000 : 60_000 };
  const report = await at.call(code, what, limits);
  expect([report.end, report.reason]).toEqual([end, expect.stringMatching(reason)]);
  expect(resultOf(await at.call(code, "Fine", { memoryMb: 100 }))).toBe("Fine");
});

test.each<[Runtime, string]>([
  ["native", "prints 16 MB"],
  ["exec", "prints 16 MB"],
  ["native", "forks"],
  ["exec", "forks"],
])("a handler of %s that %s returns its result", async (runtime, what) => {
  const code = await at.function(files[runtime], { runtime });
  const report = await at.call(code, what, { memoryMb: 100 });
  expect(resultOf(report)).toBe(what);
  expect(logOf(report).length).toBeLessThan(1_000_000);
  expect(resultOf(await at.call(code, "Fine", { memoryMb: 100 }))).toBe("Fine");
});
