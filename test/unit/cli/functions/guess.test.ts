// The runtime that a function's files suggest, and when nobody could tell.

import { expect, test } from "@jest/globals";
import type { SourceEntry } from "../../../../src/bundle/pack.js";
import { guessRuntime } from "../../../../src/cli/functions/guess.js";

/** A name with an asterisk, as `ls -F` shows them, is a program. */
const entries = (names: string): SourceEntry[] =>
  names.split(" ").map((name) => {
    const executable = name.endsWith("*");
    const plain = name.replace("*", "");
    return { kind: "file", name: plain, path: plain, bytes: 0, executable };
  });

test.each([
  ["tile.py", null, "python", "tile.py"],
  ["index.mjs", null, "node", "index.mjs"],
  ["package.json app.js", null, "node", "app.js"],
  ["libtile.so", null, "native", "libtile.so"],
  ["run.sh*", null, "exec", "run.sh"],
  ["run.py*", null, "python", "run.py"],
  ["main.py helper.js", null, "python", "main.py"],
  ["a.py b.py lib/x.js", null, "python", "a.py"],
  ["a.py b.js", "b.js:run", "node", "b.js"],
  ["a.py lib/b.js", "lib/b.js", "node", "lib/b.js"],
  ["a.py", "tile", "python", "a.py"],
  ["a.py", "json:dumps", "python", "a.py"],
  ["libtile.so", ":tile", "native", "libtile.so"],
])("%s with the handler %s: %s", (names, handler, runtime, because) => {
  expect(guessRuntime(entries(names), handler)).toEqual({ runtime, because });
});

test.each([
  ["a.py b.js", null, /suggest several runtimes \(a\.py, b\.js\): give --runtime node, python/],
  ["main.py main.js", null, /suggest several runtimes/],
  ["data.txt", null, /the files do not tell the runtime: give --runtime/],
  ["lib/main.py", null, /do not tell/],
  ["a.py", "b.py:f", /there is no file b\.py, which the handler b\.py:f names/],
  ["a.py b.js", "f", /suggest several/],
  ["index.ts", null, /do not tell the runtime: compile index\.ts to JavaScript first/],
])("%s with the handler %s is refused", (names, handler, why) => {
  expect(() => guessRuntime(entries(names), handler)).toThrow(why);
});
