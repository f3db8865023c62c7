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

const stubs = `compopt() { :; }; glean() { [ "$1" = queue ] && printf '42\\n43\\n'; }`;

test.each([
  [["func"], "function"],
  [["function", "dep"], "deploy"],
  [["function", "deploy", "--im"], "--image"],
  [["lease", "--b"], "--bench"],
  [["--config", "batch", "batch", "--wr"], "--wrap"],
  [["batch", "--wrap", "script", "--wr"], "--wrap"],
  [["batch", "script", "--wr"], ""],
  [["batch", "--open-mode", ""], "append truncate"],
  [["batch", "--open-mode", "=", "tr"], "truncate"],
  [["batch", "--open-mode", "="], "append truncate"],
  [["batch", "--mail-type", "END,F"], "END,FAIL"],
  [["batch", "-c", ""], ""],
  [["batch", "-o", "biome.j"], "biome.json"],
  [["batch", "-D", "slurm-pl"], "slurm-plugin"],
  [["run", "_glean_of"], "_glean_offer"],
  [["cancel", "41", "4"], "42 43"],
  [["report", "utilization", ""], ""],
])("bash completes glean %j to %j", (words, completed) => {
  const typed = `COMP_WORDS=(glean "$@") COMP_CWORD=$#`;
  const script = `. "$0"; ${stubs}; ${typed}; _glean; echo "\${COMPREPLY[*]}"`;
  const file = join(root, "configs/completions/glean.bash");
  const options = { encoding: "utf8", cwd: root } as const;
  expect(execFileSync("bash", ["-c", script, file, ...words], options)).toBe(`${completed}\n`);
});

test("show a key's type, bounds and default", () => {
  const poll = readKeys().find(({ path }) => path === "poll");
  expect(poll?.keys[0]).toMatchObject({
    path: "poll.intervalMs",
    type: "milliseconds, at least 100",
    fallback: 5_000,
  });
});
