// The sample functions of docs/examples/functions, run by glean function test as a reader would.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import {
  preparationLimitMs,
  prepareSamples,
  sampleCalls,
  sampleNames,
} from "../support/samples/samples.js";

jest.setTimeout(60_000);
const glean = resolve("dist/glean.cjs");
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-samples-"));
  await prepareSamples(folder);
}, preparationLimitMs);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(sampleCalls)("$sample answers with $what", ({ sample, input, check }) => {
  const file = join(folder, "input");
  writeFileSync(file, input);
  const args = ["function", "test", join(folder, sample), "--input", file];
  check(execFileSync(process.execPath, [glean, ...args], { stdio: ["ignore", "pipe", "ignore"] }));
});

test.each([
  ["numpy", '{"x":[1,1,1],"y":[1,2,3],"degree":1}', "ValueError: 1 different x are too few"],
  ["compress", '{"a":1}', "TypeError: send bytes"],
  ["statistics", '{"samples":["a"]}', "TypeError: samples must be a list of at least one number"],
  ["heat", "5 1000 0.75 100 0", "THE RATIO MUST BE ABOVE 0 AND AT MOST 0.5"],
])("%s says what is wrong with an input", (sample, input, sentence) => {
  const run = () =>
    execFileSync(
      process.execPath,
      [glean, "function", "test", join(folder, sample), "--input", input],
      { stdio: "pipe" },
    );
  expect(run).toThrow(sentence);
});

test("each sample is tried and listed", () => {
  expect([...new Set(sampleCalls.map(({ sample }) => sample))].toSorted()).toEqual(sampleNames());
  const page = readFileSync(join(folder, "README.md"), "utf8");
  for (const name of sampleNames()) expect(page).toContain(`| [${name}](${name}/`);
});
