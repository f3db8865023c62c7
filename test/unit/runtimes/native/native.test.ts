// The runtime for shared libraries, as a process: how a function is found, what it gets and
// returns, and what it does to the process that runs it.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { LoadOrder } from "../../../../src/workers/worker-link.js";
import {
  compileLibrary,
  makeRuntimes,
  runtimesFolder,
} from "../../../support/runtimes/c-runtimes.js";
import {
  bundleOf,
  type Command,
  startRuntime,
  stopRuntimes,
} from "../../../support/runtimes/runtime-process.js";
import { describeWorkerEnd } from "../../../support/runtimes/worker-end.js";

beforeAll(makeRuntimes, 120_000);
afterEach(stopRuntimes);

const plain: Command = [join(runtimesFolder, "glean-runtime-native")];
const sanitized: Command = [join(runtimesFolder, "asan", "glean-runtime-native")];

const headers = ["stdint", "stdio", "stdlib", "string", "unistd", "signal", "sys/wait"];
const sourceOf = (body: string, name = "handler") =>
  `${headers.map((each) => `#include <${each}.h>\n`).join("")}uint32_t ${name}(const void *in, uint32_t size, void *out) { ${body} }\n`;

async function start(body: string, more: Partial<LoadOrder> = {}, command = plain) {
  const directory = bundleOf({});
  compileLibrary(directory, sourceOf(body));
  const runtime = startRuntime(command);
  const end = await runtime.load({ directory, ...more });
  if (end.kind !== "loaded") throw new Error(JSON.stringify(end));
  return runtime;
}
/** No processor has this number in the header of a program. */
const noMachine = 0xfff0;
const echo = "memcpy(out, in, size); return size;";

describe("a function is found", () => {
  test.each([
    ["in the only library", "lib.so", "handler", undefined],
    ["as FILE:SYMBOL", "lib/tile.so.1", "make", "lib/tile.so.1:make"],
    ["as SYMBOL of the only library", "lib.so", "make", ":make"],
    ["as FILE", "tile.so", "handler", "tile.so"],
  ])("%s", async (_what, file, symbol, handler) => {
    const directory = bundleOf({ "lib/readme": "" });
    compileLibrary(directory, sourceOf(echo, symbol), file);
    const runtime = startRuntime(plain);
    expect(await runtime.load({ directory, handler, concurrency: 4 })).toEqual({
      kind: "loaded",
      concurrency: 1,
    });
    expect(await runtime.channel.ready()).toMatchObject({ hello: { runtime: "native" } });
    expect(await runtime.json(5)).toBe(5);
  });

  test.each([
    ["no library", undefined, /has 0 libraries/],
    ["a file that is missing", "a.so:f", /a\.so: cannot open shared object file/],
    [
      "a symbol that is missing",
      "lib.so:f",
      /^lib\.so has no symbol f: name yours with --handler lib\.so:SYMBOL/,
    ],
    ["a text", "text.so:f", /text\.so: (invalid ELF header|file too short)/],
    ["a 32-bit library", "small.so:f", /^small\.so is for another architecture than this node's/],
    ["another machine's library", "other.so:f", /other\.so is for another architecture/],
    [
      "a library that lacks a symbol of its own",
      "lacks.so:handler",
      /undefined symbol: nobody_has_it/,
    ],
  ])("or not: %s", async (what, handler, message) => {
    const directory = bundleOf({
      "text.so": "no library, but a text that is long enough to be read as one\n",
    });
    if (what !== "no library") {
      compileLibrary(directory, sourceOf(echo), "lib.so");
      compileLibrary(
        directory,
        sourceOf("extern int nobody_has_it(void); return nobody_has_it();"),
        "lacks.so",
      );
      const elf = Buffer.alloc(4_096);
      elf.write("\x7fELF\x01\x01\x01", "latin1");
      writeFileSync(join(directory, "small.so"), elf);
      const library = readFileSync(join(directory, "lib.so"));
      library.writeUInt16LE(noMachine, 18);
      writeFileSync(join(directory, "other.so"), library);
    }
    const runtime = startRuntime(plain);
    const folder = what === "no library" ? bundleOf({}) : directory;
    expect(await runtime.load({ directory: folder, handler })).toMatchObject({
      kind: "failed",
      error: { type: "LibraryNotLoaded", message: expect.stringMatching(message) },
    });
  });
});

describe.each([
  ["the program", plain],
  ["the program under the sanitizers", sanitized],
])("calls of %s", (_what, command) => {
  test("return bytes, in their order", async () => {
    const runtime = await start(echo, {}, command);
    const inputs = ["a", "", "c".repeat(100_000), "d"];
    const ends = await Promise.all(
      inputs.map((text) => runtime.call({ input: Buffer.from(text) })),
    );
    const contentType = "application/octet-stream";
    expect(ends).toEqual(
      inputs.map((text) => ({
        kind: "returned",
        contentType,
        outputBytes: text.length,
        output: Buffer.from(text),
      })),
    );
  });

  test("take and return 64 MiB, and give their memory back", async () => {
    const runtime = await start(echo, {}, command);
    const input = Buffer.alloc(64 * 1024 * 1024, "gleaner");
    for (const _ of [1, 2]) {
      const end = await runtime.call({ input });
      expect(end.kind === "returned" && end.output?.equals(input)).toBe(true);
    }
    expect(await runtime.json(1)).toBe(1);
  });

  test("that return more than fits are errors of the output", async () => {
    const runtime = await start(
      "return size == 1 ? 0 : 1001;",
      { outputLimitBytes: 1_000 },
      command,
    );
    const message = "the function returned 1001 bytes; the limit is 1000";
    expect(await runtime.call()).toMatchObject({
      kind: "failed",
      error: { kind: "output", message },
    });
    expect(await runtime.call({ input: Buffer.from("1") })).toMatchObject({ kind: "returned" });
  });

  test("get memory that is aligned for vectors", async () => {
    const body =
      "uint64_t a[] = { (uintptr_t)in % 64, (uintptr_t)out % 64 }; memcpy(out, a, 16); return 16;";
    const runtime = await start(body, { outputLimitBytes: 1_000 }, command);
    expect(await runtime.call({ contentType: "image/png" })).toMatchObject({
      output: Buffer.alloc(16),
    });
  });
});

test("results have the type that the version names", async () => {
  const runtime = await start(echo, { outputType: "image/png" });
  expect(await runtime.call()).toMatchObject({ contentType: "image/png" });
});

test("what a function prints is the output of its process, line by line", async () => {
  const runtime = await start('printf("one\\ntwo"); fprintf(stderr, "err\\n"); return 0;');
  await runtime.call();
  runtime.channel.close();
  expect(await runtime.exit).toEqual({ exitCode: 0, signal: 0 });
  expect(runtime.output).toEqual({ stdout: "one\ntwo", stderr: "err\n" });
});

describe("a function that harms its process", () => {
  test.each([
    ["reads where nothing is", "return *(volatile int *)8;", /killed by SIGSEGV/],
    ["writes beyond its output", "memset(out, 1, 2000); return 0;", /killed by SIGSEGV/],
    ["aborts", "abort();", /killed by SIGABRT/],
    ["exits without its hooks", "_exit(7);", /exited with status 7/],
    ["closes its connection", "close(3); return 0;", /exited with status 1/],
  ])("%s", async (_what, body, sentence) => {
    const runtime = await start(body, { outputLimitBytes: 1_000 });
    expect(await runtime.call()).toMatchObject({ kind: "lost", failure: { code: "CLOSED" } });
    expect(describeWorkerEnd(await runtime.closed, await runtime.exit)).toMatch(sentence);
  });

  test("calls exit", async () => {
    const runtime = await start("exit(3);");
    expect(await runtime.call()).toMatchObject({
      kind: "failed",
      error: { kind: "exit", message: "the function called exit" },
    });
    expect((await runtime.closed).message).toBe("the function called exit");
    expect(await runtime.exit).toEqual({ exitCode: 3, signal: 0 });
  });

  test("answers by itself, and then returns", async () => {
    const runtime = await start(
      "uint8_t frame[16] = { [4] = 7, [8] = 1 }; write(3, frame, 16); return 0;",
    );
    expect(await runtime.call()).toMatchObject({ kind: "returned", outputBytes: 0 });
    expect((await runtime.closed).code).toBe("ANSWERED_TWICE");
  });

  test("forks, and only one of the two answers", async () => {
    const runtime = await start("if (fork() == 0) return 1; wait(NULL); return 0;");
    for (const _ of [1, 2])
      expect(await runtime.call()).toMatchObject({ kind: "returned", outputBytes: 0 });
  });

  test("starts a program, which does not get the connection", async () => {
    const runtime = await start(
      'FILE *ls = popen("ls -l /proc/self/fd", "r"); size_t n = fread(out, 1, 4096, ls); pclose(ls); return n;',
    );
    const end = await runtime.call();
    expect(end.kind === "returned" && String(end.output)).toMatch(/ 1 -> /);
    expect(end.kind === "returned" && String(end.output)).not.toMatch(/ 3 -> socket/);
  });
});

test("a worker ends with its executor", async () => {
  const runtime = await start(echo);
  (runtime.child.stdio[3] as unknown as { destroy(): void }).destroy();
  expect(await runtime.exit).toEqual({ exitCode: 0, signal: 0 });
});
