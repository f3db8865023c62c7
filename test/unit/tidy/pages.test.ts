// The house rules for pages on made-up ones; tidy.test.ts holds them on those that there are.

import { describe, expect, test } from "@jest/globals";
import { checkColumns, checkLinks, checkWords } from "../../support/tidy/pages.js";
import type { Source } from "../../support/tidy/source.js";

const page = (text: string, path = "docs/a.md"): Source => ({ path, text, executable: false });
const long = "word ".repeat(25);

describe("the rule of columns", () => {
  test.each([long, `- ${long}`, `  ${long}`])("finds %j", (text) => {
    expect(checkColumns(page(`first\n${text}`))[0]).toMatch(/^docs\/a\.md:2: /);
  });

  test.each([`| ${long} |`, `\`\`\`\n${long}\n\`\`\``, `    ${long}`, `- \`${long}\``])(
    "leaves %j alone",
    (text) => {
      expect(checkColumns(page(text))).toEqual([]);
    },
  );
});

describe("the rule of links", () => {
  const pages = [page("# One: `two` – three\n", "docs/b.md"), page("", "docs/guide/c.md")];

  test.each(["b.md", "b.md#one-two--three", "guide/c.md", "guide", "https://example.org/x"])(
    "%s leads somewhere",
    (target) => {
      expect(checkLinks(page(`[x](${target})`), pages)).toEqual([]);
    },
  );

  test.each(["d.md", "b.md#one", "../b.md", "#one"])("%s leads nowhere", (target) => {
    expect(checkLinks(page(`[x](${target})`), pages)).toHaveLength(1);
  });
});

describe("the rule of words", () => {
  test.each([
    "It asks ever less often.",
    "Functions are believed nothing.",
    "Of the ledger the sum stays.",
    "1 invocations are ahead of it.",
    "| a | one without work for so long ends |",
  ])("finds %j", (text) => {
    expect(checkWords(page(text))).toHaveLength(1);
  });

  test.each(["Of course it is.", "`1 invocations`", "```\n1 invocations\n```", "11 nodes"])(
    "leaves %j alone",
    (text) => {
      expect(checkWords(page(text))).toEqual([]);
    },
  );
});
