// The runtime that the page of the worker protocol shows is one.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { python } from "../../support/runtimes/python-runtime.js";
import { bundleOf, startRuntime, stopRuntimes } from "../../support/runtimes/runtime-process.js";

afterEach(stopRuntimes);

const page = readFileSync("docs/reference/worker-protocol.md", "utf8");
const example = /```python\n([\s\S]*?)```/.exec(page)![1]!;
const start = () => startRuntime([python, join(bundleOf({ "tiny.py": example }), "tiny.py")]);

test("loads a handler, calls it and ends", async () => {
  const runtime = start();
  const directory = bundleOf({ "double.py": "result = data * 2\n" });
  expect(await runtime.channel.ready()).toMatchObject({ hello: { runtime: "tiny" } });
  expect(await runtime.load({ directory, handler: "double.py", concurrency: 4 })).toEqual({
    kind: "loaded",
    concurrency: 1,
  });
  const ends = await Promise.all([1, 2].map((n) => runtime.call({ input: Buffer.from(`${n}`) })));
  expect(ends).toMatchObject([{ output: Buffer.from("11") }, { output: Buffer.from("22") }]);
  runtime.channel.close();
  expect(await runtime.exit).toEqual({ exitCode: 0, signal: 0 });
});

test("tells the errors of loading and of calls", async () => {
  const broken = start();
  const directory = bundleOf({ "fails.py": "1 / 0\n", "broken.py": "(" });
  expect(await broken.load({ directory, handler: "broken.py" })).toMatchObject({
    kind: "failed",
    error: { type: "SyntaxError" },
  });
  const failing = start();
  await failing.load({ directory, handler: "fails.py" });
  expect(await failing.call()).toMatchObject({
    kind: "failed",
    error: { kind: "exception", type: "ZeroDivisionError", message: "division by zero" },
  });
});
