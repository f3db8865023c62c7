// The runtime for programs, as a process: what a program gets, what becomes of how it ends, and
// what it leaves behind.

import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { untilGone } from "../../../../scripts/cluster/processes/gone.js";
import { makeRuntimes, runtimesFolder } from "../../../support/runtimes/c-runtimes.js";
import {
  bundleOf,
  type Command,
  loadedRuntime,
  startRuntime,
  stopRuntimes,
} from "../../../support/runtimes/runtime-process.js";

beforeAll(makeRuntimes, 120_000);
afterEach(stopRuntimes);

const plain: Command = [join(runtimesFolder, "glean-runtime-exec")];
const sanitized: Command = [join(runtimesFolder, "asan", "glean-runtime-exec")];
const start = (script: string, more = {}, command = plain) =>
  loadedRuntime(command, { handler: `#!/bin/sh\n${script}\n` }, more);
const order = { deadlineMs: 0, attempt: 1, contentType: "", name: "", input: Buffer.alloc(0) };

describe("a program is found", () => {
  test.each([
    ["by its usual name", "handler", undefined],
    ["by its path", "bin/run.sh", "bin/run.sh"],
    ["as the only program in the folder", "run", undefined],
  ])("%s", async (_what, file, handler) => {
    const files = { [file]: "#!/bin/sh\ncat", "notes.txt": "text" };
    const runtime = await loadedRuntime(plain, files, { handler });
    expect(await runtime.json(5)).toBe(5);
  });

  test.each([
    ["is missing", {}, "run", /^the bundle has no program run: name yours with --handler/],
    [
      "is not marked as one",
      { run: "text" },
      undefined,
      /has 0 programs in its folder: run "chmod/,
    ],
    [
      "is one of two",
      { a: "#!a", b: "#!b" },
      undefined,
      /has 2 programs in its folder: name yours/,
    ],
    ["is a folder", { "bin/a": "" }, "bin", /has no program bin/],
    [
      "cannot be executed",
      { handler: "text" },
      undefined,
      /^handler cannot be executed: run "chmod/,
    ],
  ])("or not: it %s", async (_what, files: Record<string, string>, handler, message) => {
    const runtime = startRuntime(plain);
    const end = await runtime.load({ directory: bundleOf(files), handler });
    expect(end).toMatchObject({
      kind: "failed",
      error: { type: "HandlerNotFound", message: expect.stringMatching(message) },
    });
  });

  test("and its interpreter is missing: each call says so", async () => {
    const runtime = await loadedRuntime(plain, { handler: "#!/nothing/there\n" });
    expect(await runtime.call()).toMatchObject({
      error: { type: "CannotExecute", message: expect.stringMatching(/No such file or directory/) },
    });
    expect(runtime.channel.isOpen).toBe(true);
  });
});

describe.each([
  ["the program", plain],
  ["the program under the sanitizers", sanitized],
])("calls of %s", (_what, command) => {
  test("get their input, and return their output", async () => {
    const runtime = await start("cat; printf '!'", {}, command);
    const inputs = ["a", "", "c".repeat(100_000)];
    const ends = await Promise.all(
      inputs.map((text) => runtime.call({ input: Buffer.from(text) })),
    );
    const contentType = "application/octet-stream";
    expect(ends).toEqual(
      inputs.map((text) => ({
        kind: "returned",
        contentType,
        outputBytes: text.length + 1,
        output: Buffer.from(`${text}!`),
      })),
    );
  });

  test("take and return 64 MiB", async () => {
    const runtime = await start("exec cat", {}, command);
    const input = Buffer.alloc(64 * 1024 * 1024, "gleaner");
    const end = await runtime.call({ input });
    expect(end.kind === "returned" && end.output?.equals(input)).toBe(true);
  });

  test("need not read their input", async () => {
    const runtime = await start("echo done", {}, command);
    const end = await runtime.call({ input: Buffer.alloc(10_000_000) });
    expect(end).toMatchObject({ kind: "returned", output: Buffer.from("done\n") });
  });

  test("know what they are", async () => {
    const runtime = await start(
      'echo "$GLEANER_INVOCATION_ID $GLEANER_ATTEMPT $GLEANER_CONTENT_TYPE $GLEANER_DEADLINE_MS"',
      {},
      command,
    );
    const end = await runtime.call({
      name: "4711",
      attempt: 3,
      contentType: "image/png",
      deadlineMs: 5_000,
    });
    expect(end).toMatchObject({ output: Buffer.from("4711 3 image/png 5000\n") });
  });

  test("log what they write to standard error", async () => {
    const runtime = await start("echo careful >&2", {}, command);
    for (const id of [1, 2]) {
      await runtime.call();
      expect(runtime.logOf(id)).toBe("careful\n");
    }
  });

  test.each([
    ["exit", "exit 3", "exit", "ExitStatus", /exited with status 3/],
    ["exit", "kill -SEGV $$", "exit", "Signal", /killed by signal 11 \(Segmentation fault\)/],
    ["output", "head -c 1001 /dev/zero", "output", "OutputTooLarge", /more than 1000 bytes/],
    ["output", "cat /dev/zero", "output", "OutputTooLarge", /more than 1000 bytes/],
  ])("that fail are errors of the %s: %s", async (_of, script, kind, type, message) => {
    const runtime = await start(script, { outputLimitBytes: 1_000 }, command);
    for (const _ of [1, 2])
      expect(await runtime.call()).toMatchObject({
        kind: "failed",
        error: { kind, type, message: expect.stringMatching(message) },
      });
  });

  test("are cancelled, running or waiting", async () => {
    const runtime = await start("echo runs >&2; exec sleep 1000", {}, command);
    const calls = [runtime.channel.call(order), runtime.channel.call(order)];
    runtime.channel.cancel(calls[1]!.id);
    expect(await calls[1]!.end).toMatchObject({
      error: { kind: "cancelled", message: expect.stringMatching(/before its program/) },
    });
    runtime.channel.cancel(calls[0]!.id);
    expect(await calls[0]!.end).toMatchObject({ error: { kind: "cancelled", type: "Signal" } });
  });
});

test("a log is cut at its limit, and says so", async () => {
  const runtime = await start("head -c 1000000 /dev/zero | tr '\\0' x >&2", {
    logLimitBytes: 100_000,
  });
  await runtime.call();
  expect(runtime.logOf(1)).toMatch(/x\[the log of this call is full.*\n$/);
  expect(runtime.logOf(1).length).toBeLessThan(101_000);
});

test("a program that writes to its log without end can be cancelled", async () => {
  const runtime = await start("exec cat /dev/zero >&2");
  const { id, end } = runtime.channel.call(order);
  runtime.channel.cancel(id);
  expect(await end).toMatchObject({ error: { kind: "cancelled" } });
});

test("processes that a program leaves behind end with it, and hold no answer back", async () => {
  const runtime = await start("sleep 1000 & echo $!");
  const end = await runtime.call();
  const pid = Number(end.kind === "returned" && end.output);
  await untilGone(pid);
});

test("results have the type that the version names", async () => {
  const runtime = await start("cat", { outputType: "image/png" });
  expect(await runtime.call()).toMatchObject({ contentType: "image/png" });
});

test("a program gets nothing but its three streams", async () => {
  const runtime = await start("exec ls -l /proc/self/fd");
  const end = await runtime.call();
  expect(end.kind === "returned" && String(end.output)).not.toMatch(/socket|signalfd/);
});

describe("the end of a worker", () => {
  test.each([
    ["bye", (channel: { close(): void }) => channel.close()],
    ["the end of its executor", (_: unknown, socket: { destroy(): void }) => socket.destroy()],
  ])("comes with %s, and ends the program that runs", async (_what, act) => {
    const runtime = await start("echo $$ >&2; exec sleep 1000");
    const { end } = runtime.channel.call(order);
    while (runtime.logs.length === 0) await new Promise((resolve) => setImmediate(resolve));
    act(runtime.channel, runtime.child.stdio[3] as unknown as { destroy(): void });
    expect((await end).kind).toBe("lost");
    expect(await runtime.exit).toEqual({ exitCode: 0, signal: 0 });
    await untilGone(Number(runtime.logOf(1)));
  });
});
