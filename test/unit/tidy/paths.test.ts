// The rule for named paths on made-up files; tidy.test.ts holds it on those that there are.

import { expect, test } from "@jest/globals";
import { checkPaths } from "../../support/tidy/paths.js";

const paths = ["src/core/capacity/plan.ts", "slurm-plugin/PROTOCOL.md"];
const check = (path: string, text: string) => checkPaths({ path, text, executable: false }, paths);

test.each([
  ["docs/architecture.md", "See `core/plan.ts`."],
  ["docs/reference/protocol.md", "Its pace (`src/wire/inflow.ts`) is bounded."],
  ["HACKING.md", "See `src/core/capacity/none.ts`."],
  ["src/core/capacity/holes.ts", "// As the plan has it (core/plan.ts)."],
  ["scripts/benchmarks/a.ts", "// none.ts starts it."],
])("%s: finds the path that does not exist in %j", (path, text) => {
  expect(check(path, text)).toHaveLength(1);
  expect(check(path, text)[0]).toMatch(/^\S+:1: names \S+, which does not exist$/);
});

test.each([
  ["docs/architecture.md", "See `capacity/plan.ts`, `plan.ts` and `src/core/capacity/plan.ts`."],
  ["docs/decisions/0001.md", "`slurm-plugin/PROTOCOL.md` has it, `NAME/file.ts` does not."],
  ["docs/tutorials/functions.md", "Write `summary/handler.py`."],
  ["src/core/capacity/holes.ts", "// plan.ts uses them."],
  ["src/core/capacity/holes.ts", 'import { x } from "./none.ts";'],
  ["src/executor/node/cpu-map.ts", "// As Slurm's src/slurmd/common/xcpuinfo.c has it."],
])("%s: leaves %j alone", (path, text) => {
  expect(check(path, text)).toEqual([]);
});
