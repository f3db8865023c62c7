// The rules for comments and messages, on made-up programs; tidy.test.ts applies them to the tree.

import { describe, expect, test } from "@jest/globals";
import { checkCodeWords, checkCommentColumns } from "../../support/tidy/comments.js";
import type { Source } from "../../support/tidy/source.js";

const program = (text: string, path = "src/a.ts"): Source => ({ path, text, executable: false });
const long = "word ".repeat(25);

describe("the rule of columns", () => {
  test.each([
    ["src/a.ts", `// ${long}`],
    ["src/a.ts", `/** ${long} */`],
    ["src/a.ts", ` * ${long}`],
    ["slurm-plugin/a.c", `\t\t/* ${"word ".repeat(17)} */`],
    ["scripts/a", `# ${long}`],
    ["src/a.sql", `-- ${long}`],
  ])("finds a long comment in %s", (path, text) => {
    expect(checkCommentColumns(program(`first\n${text}`, path))[0]).toMatch(
      new RegExp(`^${path}:2: has 1\\d\\d columns`),
    );
  });

  test.each([`f("${long}");`, `// ${"word ".repeat(19)}`, `// https://example.org/${long}`])(
    "leaves %j alone",
    (text) => {
      expect(checkCommentColumns(program(text))).toEqual([]);
    },
  );
});

describe("the rule of words", () => {
  test.each([
    "// Of each node the newest.",
    "/** For so many calls. */",
    'say("no thread to be had");',
    " * It is left out.",
    "const text = `the daemon met a bug`;",
  ])("finds %j", (text) => {
    expect(checkCodeWords(program(text))).toHaveLength(1);
  });

  test.each(["reckon(leftOut);", "// The newest of each node.", 'f("reckoned")'])(
    "leaves %j alone",
    (text) => {
      expect(checkCodeWords(program(text))).toEqual([]);
    },
  );
});
