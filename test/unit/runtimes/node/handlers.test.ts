// Handlers in JavaScript, in a real worker: how they are found, what they are given, and what
// becomes of what they return or throw.

import { describe, expect, test } from "@jest/globals";
import { nodeRuntime } from "../../../support/runtimes/node-runtime.js";
import {
  bundleOf,
  loadedRuntime,
  startRuntime,
} from "../../../support/runtimes/runtime-process.js";

const command = nodeRuntime();

const handlerOf = (body: string) => ({ "index.mjs": `export default ${body};` });
const start = (body: string, more = {}) => loadedRuntime(command, handlerOf(body), more);

describe("a handler is found", () => {
  const double = "(x) => x * 2";
  test.each([
    ["export default of index.mjs", { "index.mjs": `export default ${double}` }, undefined],
    ["export handler", { "handler.mjs": `export const handler = ${double}` }, undefined],
    ["exports.handler", { "index.cjs": `exports.handler = ${double}` }, undefined],
    ["module.exports", { "function.js": `module.exports = ${double}` }, undefined],
    [
      "a module compiled to CommonJS",
      { "index.cjs": `exports.__esModule = true; exports.default = ${double}` },
      undefined,
    ],
    ["the only script", { "tile.mjs": `export default ${double}`, "data.txt": "" }, undefined],
    [
      "main of package.json",
      { "package.json": '{"main":"lib/a.cjs"}', "lib/a.cjs": `exports.handler = ${double}` },
      undefined,
    ],
    ["FILE", { "a.mjs": `export default ${double}`, "b.mjs": "" }, "a.mjs"],
    ["FILE:SYMBOL", { "lib/a.mjs": `export const f = ${double}` }, "lib/a.mjs:f"],
    ["FILE:SYMBOL of CommonJS", { "a.cjs": `exports.f = ${double}` }, "a.cjs:f"],
    ["SYMBOL", { "index.mjs": `export const f = ${double}` }, "f"],
    ["a module that awaits", { "index.mjs": `await null; export default ${double}` }, undefined],
  ])("%s", async (_what, files: Record<string, string>, handler) => {
    const runtime = await loadedRuntime(command, files, { handler });
    expect(await runtime.json(21)).toBe(42);
  });

  test.each([
    ["no script", { "a.txt": "" }, undefined, "HandlerNotFound", /has 0 scripts/],
    [
      "a file that is missing",
      {},
      "a.mjs:f",
      "HandlerNotFound",
      /there is no file a\.mjs in the function/,
    ],
    [
      "a symbol that is missing",
      { "a.mjs": "export const g = 1" },
      "a.mjs:f",
      "HandlerNotFound",
      /^a\.mjs exports no function f \(it exports g\): name yours with --handler a\.mjs:NAME/,
    ],
    [
      "a symbol that is no function",
      { "a.mjs": "export const f = 1" },
      "a.mjs:f",
      "HandlerNotFound",
      /exports no function f/,
    ],
    [
      "a missing module",
      { "index.mjs": 'import "nothing-of-this-name"' },
      undefined,
      "Error",
      /Cannot find package 'nothing-of-this-name'/,
    ],
    [
      "an error of syntax",
      { "index.mjs": "export default (" },
      undefined,
      "SyntaxError",
      /Unexpected end of input/,
    ],
    [
      "an exception of the module",
      { "index.mjs": "null.x" },
      undefined,
      "TypeError",
      /Cannot read properties of null/,
    ],
  ])("or not: %s", async (_what, files: Record<string, string>, handler, type, message) => {
    const runtime = startRuntime(command);
    const end = await runtime.load({ directory: bundleOf(files), handler });
    expect(end).toMatchObject({
      kind: "failed",
      error: { type, message: expect.stringMatching(message) },
    });
  });

  test("an error of syntax is shown with its file, its line and the code there", async () => {
    const directory = bundleOf({
      "index.mjs": 'export { add as default } from "./add.mjs"',
      "add.mjs": "export const add = (a) =>\n  a +;\n",
    });
    const end = await startRuntime(command).load({ directory });
    if (end.kind !== "failed") throw new Error("it was loaded");
    expect(end.error.stack).toContain(`${directory}/add.mjs:2\n  a +;\n     ^\n`);
    expect(end.error.stack).toContain("SyntaxError: Unexpected token ';'");
  });
});

describe("inputs and outputs", () => {
  test.each([
    ["an object", "() => ({ a: [1, null] })", "application/json", '{"a":[1,null]}'],
    ["nothing", "() => {}", "application/json", "null"],
    ["a promise", "async () => 1", "application/json", "1"],
    ["a string", "() => 'grün'", "text/plain", "grün"],
    ["a buffer", "() => Buffer.from('b')", "application/octet-stream", "b"],
    ["a view", "() => new Uint16Array([97, 98]).subarray(1)", "application/octet-stream", "b\0"],
    ["an ArrayBuffer", "() => new Uint8Array([99]).buffer", "application/octet-stream", "c"],
  ])("%s becomes its content type", async (_what, body, contentType, output) => {
    const runtime = await start(body);
    expect(await runtime.call()).toMatchObject({
      kind: "returned",
      contentType,
      output: Buffer.from(output),
    });
  });

  test.each([
    ["application/json", '"x"', "string x"],
    ["application/geo+json; charset=utf-8", '{"x":1}', "object [object Object]"],
    ["application/json", "", "object null"],
    ["text/plain", '"x"', 'bytes "x"'],
    ["", "raw", "bytes raw"],
  ])("%s with %j is read", async (contentType, input, seen) => {
    const runtime = await start("(x) => (Buffer.isBuffer(x) ? 'bytes ' : typeof x + ' ') + x");
    const end = await runtime.call({ contentType, input: Buffer.from(input) });
    expect(end).toMatchObject({ output: Buffer.from(seen) });
  });

  test.each([
    ["input", "(x) => x", "{", /^the input is not valid JSON: /],
    [
      "output",
      "() => { const a = {}; a.a = a; return a }",
      "1",
      /cannot be sent as JSON: Converting circular structure/,
    ],
    [
      "output",
      "() => ({ n: 1n })",
      "1",
      /cannot be sent as JSON: Do not know how to serialize a BigInt/,
    ],
    ["output", "() => () => 1", "1", /of the type Function, which JSON does not have/],
    ["output", "() => new (class Empty {})()", "1", /of the type Empty, which JSON does not have/],
    ["output", "() => new Map([[1, 2]])", "1", /of the type Map, which JSON does not have/],
    ["output", "() => (function* () {})()", "1", /of the type Generator, which/],
    ["output", "() => Buffer.alloc(1001)", "1", /has 1001 bytes; the limit is 1000/],
  ])("an error of the %s: %s", async (kind, body, input, message) => {
    const runtime = await start(body, { outputLimitBytes: 1_000 });
    const end = await runtime.call({ input: Buffer.from(input) });
    expect(end).toMatchObject({
      kind: "failed",
      error: { kind, message: expect.stringMatching(message) },
    });
  });

  test("64 MiB go through and come back", async () => {
    const runtime = await start("(x) => x");
    const input = Buffer.alloc(64 * 1024 * 1024, "gleaner");
    const end = await runtime.call({ contentType: "", input });
    expect(end.kind === "returned" && end.output?.equals(input)).toBe(true);
  });

  test("the context says what the call is", async () => {
    const runtime = await start(
      `(x, { callId, attempt, deadlineMs, contentType, remainingMs }) => {
        const isLess = (a, b) => a > 0 && a <= b;
        const times = [isLess(deadlineMs, 60000), isLess(remainingMs(), deadlineMs)];
        return { callId, attempt, contentType, times };
      }`,
    );
    const end = await runtime.call({ name: "4711", attempt: 3, deadlineMs: 60_000 });
    expect(end.kind === "returned" && JSON.parse(String(end.output))).toEqual({
      callId: "4711",
      attempt: 3,
      contentType: "application/json",
      times: [true, true],
    });
  });
});

describe("exceptions", () => {
  test("of several promises have the stack of each", async () => {
    const runtime = await start(
      "() => Promise.any([Promise.reject(new TypeError('a')), Promise.reject('b')])",
    );
    const end = await runtime.call();
    expect(end).toMatchObject({
      error: {
        type: "AggregateError",
        stack: expect.stringMatching(/1 of 2: TypeError: a\n {4}at .*\n2 of 2: 'b'$/),
      },
    });
  });

  test("have their type, message and the user's stack, without the runtime's", async () => {
    const runtime = await loadedRuntime(command, {
      "index.mjs":
        'class TileError extends Error { name = "TileError" }\nconst inner = () => { throw new TileError("no tile", { cause: new Error("no disk") }) };\nexport default async function outer() { await null; inner(); }',
    });
    const end = await runtime.call();
    if (end.kind !== "failed") throw new Error(end.kind);
    expect(end.error).toMatchObject({ kind: "exception", type: "TileError", message: "no tile" });
    const { stack } = end.error;
    expect(stack).toMatch(/at inner .*index\.mjs:2:\d+\)\n.*at outer .*index\.mjs:3/);
    expect(stack).toMatch(/Caused by: Error: no disk/);
    expect(stack).not.toMatch(/glean-runtime-node|node:internal/);
    expect(await runtime.call()).toMatchObject({ kind: "failed" });
  });

  test("have the lines of the source that was compiled", async () => {
    const map = {
      version: 3,
      sources: ["tile.ts"],
      names: [],
      // The first column of line 1 stands in line 11 of the source.
      mappings: "AAUA",
    };
    const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString("base64")}`;
    const runtime = await loadedRuntime(command, {
      "index.mjs": `throwIt(); function throwIt() { globalThis.f = () => { throw new Error("x") } }; export default () => f()\n//# sourceMappingURL=${url}`,
    });
    expect(await runtime.call()).toMatchObject({
      error: { stack: expect.stringMatching(/tile\.ts:11/) },
    });
  });

  test.each([
    ["'text'", "string", /no Error: 'text'/],
    ["undefined", "undefined", /no Error: undefined/],
    [
      "(() => { const a = { name: 'a' }; a.self = a; return a })()",
      "Object",
      /no Error: <ref \*1> \{ name: 'a', self: \[Circular \*1\] \}/,
    ],
    ["new Proxy({}, { get() { throw 1 } })", "object", /cannot be shown/],
    ["new Proxy({}, { getPrototypeOf() { throw 1 } })", "object", /cannot be shown/],
    [
      "Object.defineProperty(new Error(), 'message', { get() { throw 1 } })",
      "object",
      /cannot be shown/,
    ],
  ])("that are no errors are told as such: throw %s", async (value, type, message) => {
    const runtime = await start(`() => { throw ${value} }`);
    expect(await runtime.call()).toMatchObject({
      error: { kind: "exception", type, message: expect.stringMatching(message) },
    });
  });
});
