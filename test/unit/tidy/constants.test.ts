// docs/operating/limits.md names constants of the source: each is there, with the value that the
// page says.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";

const page = readFileSync("docs/operating/limits.md", "utf8");
const constants = page.slice(page.indexOf("## Constants of gleanerd"));

const sources = ["src", "slurm-plugin"].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|c|h)$/.test(name) && !name.endsWith("uplot.ts"))
    .map((name) => readFileSync(`${folder}/${name}`, "utf8")),
);

/** The numbers that any file gives a constant, field or macro of this name. */
function valuesOf(name: string): number[] {
  const definition = new RegExp(
    `(?:const ${name} =|#define ${name}|\\b${name}:) ([\\d_.]+(?: \\* [\\d_]+)*)\\b`,
    "g",
  );
  return sources.flatMap((text) =>
    [...text.matchAll(definition)].map(([, product = ""]) =>
      product.split(" * ").reduce((value, factor) => value * Number(factor.replaceAll("_", "")), 1),
    ),
  );
}

const units: Readonly<Record<string, readonly number[]>> = {
  ...{ "": [1], ms: [1], s: [1_000], min: [60_000], h: [3_600_000], "%": [0.01] },
  ...{ kB: [1_000, 1_024], KiB: [1_024], MB: [1, 1_000_000, 1_048_576] },
  ...{ "MB/s": [1_000], MiB: [1_048_576], GiB: [1_073_741_824] },
};

/** What "60 s, 1 %" can stand for, in the units of the source's names. */
const numbersIn = (cell: string): number[] =>
  [...cell.matchAll(/(\d[\d,.]*)(?: (ms|s|min|h|%|kB|KiB|MB\/s|MB|MiB|GiB)(?![\w/]))?/g)].flatMap(
    ([, digits = "", unit = ""]) =>
      [1, ...(units[unit] ?? [])].map((factor) => Number(digits.replaceAll(",", "")) * factor),
  );

const rows = [...constants.matchAll(/^\| (`.*?) \| (.*?) \| /gm)].flatMap(
  ([, names = "", cell = ""]) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = ""]) => [name, cell] as const),
);

test("the page has many constants", () => {
  expect(rows.length).toBeGreaterThan(70);
});

test.each(rows)("%s is %s in the source", (name, cell) => {
  // What is calculated from others has no number of its own.
  const isCalculated = new RegExp(`const ${name}\\b[^=]*= ?[^\\d\\s]`);
  if (sources.some((text) => isCalculated.test(text))) return;
  expect(numbersIn(cell).filter((each) => valuesOf(name).includes(each))).not.toEqual([]);
});
