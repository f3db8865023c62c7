// What a worker for JavaScript does before it says hello, so that the first call finds it warm.

import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { nodeRuntime } from "../../../support/runtimes/node-runtime.js";
import {
  bundleOf,
  type Command,
  loadedRuntime,
  startRuntime,
} from "../../../support/runtimes/runtime-process.js";

const command = nodeRuntime();
const echo = { "index.mjs": "export default (input) => input;" };

/** The runtime with this function to rehearse with, or none. */
function rehearsingWith(text: string | null): { readonly folder: string; readonly run: Command } {
  const folder = bundleOf({});
  const program = join(folder, "glean-runtime-node.cjs");
  copyFileSync(command[1]!, program);
  if (text !== null) writeFileSync(join(folder, "glean-runtime-node-rehearsal.mjs"), text);
  return { folder, run: [command[0], program] };
}

test("it has called a function by then", async () => {
  const { folder, run } = rehearsingWith(`import { writeFileSync } from "node:fs";
export default (input) => writeFileSync(new URL("called", import.meta.url), String(input));`);
  expect((await startRuntime(run).channel.ready()).kind).toBe("ready");
  expect(readFileSync(join(folder, "called"), "utf8")).toBe("null");
});

test.each([
  ["the function is missing", null],
  ["the function cannot be loaded", "throw new Error('broken');"],
  ["the function fails", "export default () => { throw new Error('broken'); };"],
  ["the function returns more than it was given", "export default () => 'x'.repeat(100);"],
])("calls run although %s", async (_what, text) => {
  const runtime = await loadedRuntime(rehearsingWith(text).run, echo);
  expect(await runtime.json(7)).toBe(7);
  expect([runtime.logs, runtime.output]).toEqual([[], { stdout: "", stderr: "" }]);
});

test("the function lies beside the runtime", () => {
  expect(existsSync(command[1]!.replace(/\.cjs$/, "-rehearsal.mjs"))).toBe(true);
});

test("promises of what serves a lease carry nothing of it", async () => {
  const marks = "const marks = Object.getOwnPropertySymbols(Promise.resolve()).length;";
  const runtime = await loadedRuntime(command, {
    "index.mjs": `${marks} export default () => marks;`,
  });
  expect(await runtime.json(null)).toBe(0);
});
