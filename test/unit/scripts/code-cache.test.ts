// The compiled code beside glean: it is used when it is the program's, and never when it is not.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";

const markLength = 64;
let folder: string;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-cache-"));
  writeFileSync(at("glean.cjs"), readFileSync("scripts/bundle/start.cjs"));
  compile("one");
});
afterEach(() => rmSync(folder, { recursive: true }));

function compile(word: string, name = "glean-program"): void {
  writeFileSync(at(`${name}.cjs`), `console.log("${word}", process.argv[2])\n`);
  const paths = [at(`${name}.cjs`), at(`${name}.cache`)];
  execFileSync(process.execPath, ["scripts/bundle/compile.mjs", ...paths]);
}

/** What the program prints, and whether V8 took the cache. */
function run(command = "word"): { said: string; taken: boolean } {
  const spy = at("spy.cjs");
  writeFileSync(
    spy,
    `const vm = require("node:vm");
     vm.Script = class extends vm.Script {
       constructor(...args) { super(...args); console.log(this.cachedDataRejected === false); }
     };`,
  );
  const args = ["--require", spy, at("glean.cjs"), command];
  const [taken, said] = execFileSync(process.execPath, args, { encoding: "utf8" }).split("\n");
  return { said: said!, taken: taken === "true" };
}

test("the code cache is used if it was made from this program", () => {
  expect(run()).toEqual({ said: "one word", taken: true });
});

test("glean batch has a program and a cache of its own", () => {
  compile("two", "glean-batch");
  expect(run("batch")).toEqual({ said: "two batch", taken: true });
});

test("the code cache is optional", () => {
  rmSync(at("glean-program.cache"));
  expect(run()).toEqual({ said: "one word", taken: false });
});

test("a code cache of another program of the same length is ignored", () => {
  const old = readFileSync(at("glean-program.cache"));
  compile("two");
  writeFileSync(at("glean-program.cache"), old);
  expect(run()).toEqual({ said: "two word", taken: false });
});

test.each([
  ["another version of V8", (cache: Buffer) => cache.fill(7, markLength + 4, markLength + 8)],
  ["a file that was cut off", (cache: Buffer) => cache.subarray(0, markLength + 20)],
  ["an empty file", (cache: Buffer) => cache.subarray(0, 0)],
])("a code cache of %s is ignored", (_, damage) => {
  writeFileSync(at("glean-program.cache"), damage(readFileSync(at("glean-program.cache"))));
  expect(run()).toEqual({ said: "one word", taken: false });
});

test("a program that stands still until the fake daemon has answered is compiled, too", () => {
  const request = `
    const port = /\\d+/.exec(require("node:fs").readFileSync(process.env.GLEANER_CONF, "utf8"));
    fetch("http://127.0.0.1:" + port).then((answer) => answer.text()).then(console.log);`;
  writeFileSync(
    at("asking.cjs"),
    `const { execFileSync } = require("node:child_process");
     console.log(String(execFileSync(process.execPath, ["-e", ${JSON.stringify(request)}])));`,
  );
  const paths = [at("asking.cjs"), at("asking.cache")];
  const compile = ["scripts/bundle/compile.mjs", ...paths];
  const said = execFileSync(process.execPath, compile, { encoding: "utf8", timeout: 30_000 });
  expect(said).toContain('"token":"rehearsal"');
});
