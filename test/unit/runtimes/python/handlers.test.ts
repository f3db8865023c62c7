// Handlers in Python, in a real worker: how they are found, what they are given, and what becomes
// of what they return or raise.

import { afterEach, describe, expect, test } from "@jest/globals";
import { pythonCommand } from "../../../support/runtimes/python-runtime.js";
import {
  bundleOf,
  loadedRuntime,
  startRuntime,
  stopRuntimes,
} from "../../../support/runtimes/runtime-process.js";

afterEach(stopRuntimes);

const start = (text: string, more = {}) =>
  loadedRuntime(pythonCommand, { "handler.py": text }, more);
const double = "def handler(event):\n    return event * 2\n";

describe("a handler is found", () => {
  test.each([
    ["handler of handler.py", { "handler.py": double }, undefined],
    ["handler of function.py", { "function.py": double, "other.py": "1/0" }, undefined],
    ["the only file", { "tile.py": double, "data.txt": "" }, undefined],
    ["FILE.py", { "a.py": double, "b.py": "1/0" }, "a.py"],
    ["FILE.py:SYMBOL", { "lib/a.py": "f = lambda x: x * 2" }, "lib/a.py:f"],
    ["MODULE:SYMBOL", { "lib/a.py": "f = lambda x: x * 2" }, "lib.a:f"],
    ["a module of the library", { "handler.py": "" }, "operator:neg"],
    ["SYMBOL", { "handler.py": "f = lambda x: x * 2" }, "f"],
    [
      "a method",
      { "handler.py": "class A:\n    @staticmethod\n    def f(x): return x * 2" },
      "A.f",
    ],
    [
      "an object",
      { "handler.py": "class A:\n    def __call__(self, x): return x * 2\nhandler = A()" },
      undefined,
    ],
    [
      "a partial function",
      { "handler.py": "from functools import partial\nhandler = partial(lambda y, x: x * y, 2)" },
      undefined,
    ],
    [
      "beside modules that it imports",
      { "handler.py": `from lib.b import two\n${double}`, "lib/b.py": "two = 2" },
      undefined,
    ],
    [
      "as part of a package",
      { "function.py": `from . import b\n${double}`, "b.py": "" },
      undefined,
    ],
    ["with a name of the runtime's", { "frames.py": double, "worker.py": "1/0" }, "frames.py"],
  ])("%s", async (_what, files: Record<string, string>, handler) => {
    const runtime = await loadedRuntime(pythonCommand, files, { handler });
    expect(await runtime.json(21)).toBe(handler === "operator:neg" ? -21 : 42);
  });

  test("and what its module has to do in each process is done, though it is not forked", async () => {
    const runtime = await start(
      "state = []\ndef after_fork(): state.append(1)\ndef handler(event): return state",
    );
    expect([await runtime.json(1), await runtime.json(2)]).toEqual([[1], [1]]);
  });

  test.each([
    ["no file", { "a.txt": "" }, undefined, "HandlerNotFound", /has 0 Python files/],
    [
      "a file that is missing",
      {},
      "a.py:f",
      "HandlerNotFound",
      /there is no file a\.py in the function/,
    ],
    [
      "a symbol that is missing",
      { "a.py": "import os\nh = 1\ndef g(event): pass" },
      "a.py:f",
      "HandlerNotFound",
      /a\.py has no function f \(it has g\): name yours with --handler a\.py:NAME/,
    ],
    [
      "a symbol that is no function",
      { "a.py": "f = 1" },
      "a.py:f",
      "HandlerNotFound",
      /f in a\.py cannot be called, since its type is int: name a function/,
    ],
    [
      "a missing module",
      { "handler.py": "import nothing_of_this_name" },
      undefined,
      "ModuleNotFoundError",
      /No module named 'nothing_of_this_name'/,
    ],
    ["an error of syntax", { "handler.py": "def" }, undefined, "SyntaxError", /invalid syntax/],
    [
      "an exception of the module",
      { "handler.py": "def f():\n    1/0\nf()" },
      undefined,
      "ZeroDivisionError",
      /division by zero/,
    ],
    [
      "a module that exits",
      { "handler.py": "import sys; sys.exit(3)" },
      undefined,
      "SystemExit",
      /sys\.exit\(3\)/,
    ],
  ])("or not: %s", async (_what, files: Record<string, string>, handler, type, message) => {
    const runtime = startRuntime(pythonCommand);
    const end = await runtime.load({ directory: bundleOf(files), handler });
    expect(end).toMatchObject({
      kind: "failed",
      error: { type, message: expect.stringMatching(message) },
    });
    if (end.kind !== "failed") return;
    expect(end.error.stack).not.toMatch(/glean_runtime|importlib/);
    if (type === "ZeroDivisionError")
      expect(end.error.stack).toMatch(/handler\.py", line 3.*\n.*f\(\)\n.*line 2, in f/);
  });
});

describe("arguments", () => {
  const seen = "'none' if event is None else type(event).__name__";
  test.each([
    ["(event)", "def handler(event): return 1"],
    ["(event, context)", "def handler(event, context): return context.attempt"],
    ["(event, context=None)", "def handler(event, context=None): return context.attempt"],
    ["(*args)", "def handler(*args): return len(args) - 1"],
    ["()", "def handler(): return 1"],
    ["(event, *, option=1)", "def handler(event, *, option=1): return option"],
    [
      "behind a decorator",
      "import functools\ndef d(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)\n    return g\n@d\ndef handler(event): return 1",
    ],
  ])("%s", async (_what, text) => {
    expect(await (await start(text)).json(null)).toBe(1);
  });

  test.each([
    ["application/json", '{"x":1}', "dict"],
    ["application/geo+json; charset=utf-8", "[1]", "list"],
    ["application/json", "", "none"],
    ["text/plain", '"x"', "bytes"],
    ["", "raw", "bytes"],
  ])("%s with %j is read", async (contentType, input, type) => {
    const runtime = await start(`def handler(event): return ${seen}`);
    const end = await runtime.call({ contentType, input: Buffer.from(input) });
    expect(end).toMatchObject({ output: Buffer.from(type) });
  });

  test("the context says what the call is", async () => {
    const runtime = await start(
      "def handler(event, c): return [c.call_id, c.attempt, 0 < c.remaining_ms() <= c.deadline_ms <= 60000, c.content_type, c.aws_request_id]",
    );
    const end = await runtime.call({ name: "4711", attempt: 3, deadlineMs: 60_000 });
    expect(end.kind === "returned" && JSON.parse(String(end.output))).toEqual([
      "4711",
      3,
      true,
      "application/json",
      "4711",
    ]);
  });
});

describe("results", () => {
  test.each([
    ["a dict", "{'a': [1, None]}", "application/json", '{"a":[1,null]}'],
    ["nothing", "None", "application/json", "null"],
    ["a string", "'grün'", "text/plain", "grün"],
    ["bytes", "b'b'", "application/octet-stream", "b"],
    ["a bytearray", "bytearray(b'c')", "application/octet-stream", "c"],
    ["a memoryview", "memoryview(b'abc')[1:]", "application/octet-stream", "bc"],
  ])("%s becomes its content type", async (_what, value, contentType, output) => {
    const runtime = await start(`def handler(event): return ${value}`);
    expect(await runtime.call()).toMatchObject({
      kind: "returned",
      contentType,
      output: Buffer.from(output),
    });
  });

  test.each([
    ["input", "event", "{", /^the input is not valid JSON: /],
    [
      "output",
      "{1, 2}",
      "1",
      /cannot be sent as JSON: Object of type set is not JSON serializable/,
    ],
    ["output", "later()", "1", /: Object of type coroutine is not .*: declare .* with async def$/],
    ["output", "float('nan')", "1", /cannot be sent as JSON: Out of range float values/],
    ["output", "loop()", "1", /cannot be sent as JSON: Circular reference detected/],
    ["output", "bytes(1001)", "1", /has 1001 bytes; the limit is 1000/],
  ])("an error of the %s: %s", async (kind, value, input, message) => {
    const loop = "def loop():\n    a = []\n    a.append(a)\n    return a\n";
    const later = "async def later(): pass\n";
    const runtime = await start(`${loop}${later}def handler(event): return ${value}`, {
      outputLimitBytes: 1_000,
    });
    const end = await runtime.call({ input: Buffer.from(input) });
    expect(end).toMatchObject({
      kind: "failed",
      error: { kind, message: expect.stringMatching(message) },
    });
  });

  test("64 MiB go through and come back", async () => {
    const runtime = await start("def handler(event): return event");
    const input = Buffer.alloc(64 * 1024 * 1024, "gleaner");
    const end = await runtime.call({ contentType: "", input });
    expect(end.kind === "returned" && end.output?.equals(input)).toBe(true);
  });
});

describe("exceptions", () => {
  test("have their type, message and the user's traceback, with their causes", async () => {
    const runtime = await start(
      "class TileError(Exception): pass\ndef inner():\n    try: open('/nothing/there')\n    except OSError as e: raise TileError('no tile') from e\ndef handler(event): inner()",
    );
    const end = await runtime.call();
    if (end.kind !== "failed") throw new Error(end.kind);
    expect(end.error).toMatchObject({ kind: "exception", type: "TileError", message: "no tile" });
    expect(end.error.stack).toMatch(
      /^Traceback[\s\S]*FileNotFoundError[\s\S]*direct cause[\s\S]*line 5, in handler[\s\S]*line 4, in inner[\s\S]*TileError: no tile\n$/,
    );
    expect(end.error.stack).not.toMatch(/glean_runtime/);
    expect(await runtime.call()).toMatchObject({ kind: "failed" });
  });

  test.each([
    [
      "of no text",
      "class E(Exception):\n    def __str__(self): raise ValueError()\ndef handler(event): raise E()",
      "E",
      /cannot be shown: ValueError/,
    ],
    [
      "of no end",
      "def handler(event): return handler(event)",
      "RecursionError",
      /maximum recursion depth/,
    ],
    [
      "for interpreters",
      "def handler(event): raise KeyboardInterrupt('stop')",
      "KeyboardInterrupt",
      /stop/,
    ],
    [
      "with lone surrogates",
      "def handler(event): raise ValueError('\\udc80')",
      "ValueError",
      /\\udc80/,
    ],
    ["for memory", "def handler(event): return 'x' * (1 << 62)", "MemoryError", /^$/],
  ])("%s are told as well", async (_what, text, type, message) => {
    const runtime = await start(text);
    const expected = {
      error: { kind: "exception", type, message: expect.stringMatching(message) },
    };
    expect(await runtime.call()).toMatchObject(expected);
    expect(await runtime.call()).toMatchObject(expected);
  });

  test("with a long traceback keep its end, which says what happened", async () => {
    const runtime = await start("def handler(event): raise ValueError('x' * 100000 + 'end')");
    const end = await runtime.call();
    if (end.kind !== "failed") throw new Error(end.kind);
    expect(end.error.stack).toMatch(/x{1000}end\n$/);
    expect(end.error.stack.length).toBeLessThanOrEqual(32 * 1024);
  });
});
