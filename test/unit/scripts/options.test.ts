// Wrong options of the demo and the benchmarks: one sentence, status 2, and nothing is started.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const root = join(import.meta.dirname, "../../..");

function run(program: string, ...args: string[]) {
  const file = join(root, "scripts", program);
  const node = ["--import", "tsx", file, ...args];
  return spawnSync(process.execPath, node, { cwd: root, encoding: "utf8" });
}

test.each([
  [
    "demonstration/main.ts",
    ["--nonsense"],
    /^Unknown option '--nonsense'; options: --keep, --seed/,
  ],
  [
    "demonstration/main.ts",
    ["--seconds", "soon"],
    /^invalid value "soon" of --seconds: expected a/,
  ],
  ["benchmarks/faults.ts", ["--seeds", "0"], /^invalid value "0" of --seeds: expected a whole/],
  ["benchmarks/mutants/main.ts", ["--room", "attic"], /^invalid value "attic" of --room: expected/],
  ["benchmarks/coverage/main.ts", [], /^give a trace, an SWF file/],
  [
    "benchmarks/harm/main.ts",
    ["--mix", "all", "--load", "much"],
    /^invalid value "much" of --load/,
  ],
])(
  "%s %p is refused",
  (program, args, sentence) => {
    const { status, stderr, stdout } = run(program, ...args);
    expect(stderr).toMatch(sentence);
    expect([status, stdout, stderr.trim().split("\n").length]).toEqual([2, "", 1]);
  },
  60_000,
);

test("--help names the options", () => {
  const { status, stdout } = run("demonstration/main.ts", "--help");
  expect([status, stdout]).toEqual([0, "options: --keep, --seed, --seconds, --out\n"]);
}, 60_000);

test("scripts/package says what it does, and which option it does not have", () => {
  const of = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: "utf8" });
  const help = of(join(root, "scripts/package"), "--help");
  expect([help.status, help.stderr]).toEqual([0, ""]);
  expect(help.stdout).toMatch(/^Makes the packages gleaner-controller[\s\S]*\[--out FOLDER\]/);
  const main = join(root, "scripts/packages/main.mjs");
  const { status, stderr } = of(process.execPath, main, "--nonsense");
  const told = "Unknown option '--nonsense'; see scripts/package --help\n";
  expect([status, stderr]).toEqual([1, `No packages were made: ${told}`]);
}, 60_000);
