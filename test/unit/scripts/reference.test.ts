// The generated pages are those that the schema and the commands of this checkout give.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { generatedFiles } from "../../../scripts/reference/files.js";
import { readKeys } from "../../../scripts/reference/keys.js";
import { wrap } from "../../../scripts/reference/wrap.js";

const root = join(import.meta.dirname, "../../..");
const files = await generatedFiles();

describe("generated files", () => {
  test.each([...files.keys()])("%s is up to date", (path) => {
    const advice = "run scripts/generate and commit what it changes";
    const isCurrent = files.get(path) === readFileSync(join(root, path), "utf8");
    expect({ path, isCurrent, advice }).toEqual({ path, isCurrent: true, advice });
  });

  test("have no prose line that is too long, whatever code it holds", () => {
    expect(wrap(`${"word ".repeat(18)}\`a b c d e f g h\` end`).split("\n")).toEqual([
      "word ".repeat(18).trim(),
      "`a b c d e f g h` end",
    ]);
  });
});

test.each([
  [["glean", "func"], "function"],
  [["glean", "function", "dep"], "deploy"],
  [["glean", "function", "deploy", "--im"], "--image"],
  [["glean", "lease", "--b"], "--bench"],
])("bash completes %j to %s", (words, completed) => {
  const script = `. "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _glean; echo "\${COMPREPLY[*]}"`;
  const file = join(root, "configs/completions/glean.bash");
  expect(execFileSync("bash", ["-c", script, file, ...words], { encoding: "utf8" })).toBe(
    `${completed}\n`,
  );
});

test("show a key's type, bounds and default", () => {
  const poll = readKeys().find(({ path }) => path === "poll");
  expect(poll?.keys[0]).toMatchObject({
    path: "poll.intervalMs",
    type: "milliseconds, at least 100",
    fallback: 5_000,
  });
});
