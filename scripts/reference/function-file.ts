// docs/reference/function-yaml.md and the manual page function.yaml(5): the keys that a
// function.yaml may have, which are the options of `glean function deploy`.

import { ignoredAlways } from "../../src/bundle/ignore.js";
import { maxBlobBytes, maxBundleEntries, maxNameBytes } from "../../src/bundle/limits.js";
import { deployOptions } from "../../src/cli/functions/options.js";
import { regenerate } from "./origin.js";
import { item, page, paragraph, section, text, verbatim } from "./roff.js";
import { wrap } from "./wrap.js";

const origin = regenerate("src/cli/functions/options.ts");

const introduction =
  "A `function.yaml` beside the code has the settings of a function. Its keys are the long options of `glean function deploy`, which override it (`fork: false` is `--no-fork`); an unknown key is refused. The file itself is not part of the function's version: the settings are.";

const sample = `runtime: python
handler: tile.py:tile
cpus-per-task: 2
mem: 2G
time: 20s
env:
  OMP_NUM_THREADS: 2
setup: |
  module load hdf5
share: group:hep`;

const files = `A version is everything in the folder, or the single file, except ${ignoredAlways
  .filter((name) => !name.startsWith("/"))
  .map((name) => `\`${name}\``)
  .join(
    ", ",
  )} and what \`.gleanerignore\` lists, in the notation of \`.gitignore\`; a line with \`!\` takes in again what would stay out. Times, owners and empty folders do not count, so the same code with the same settings is the same version, whoever deploys it, from wherever. Symbolic links stay links and must lead to something in the folder. A bundle has at most ${maxBlobBytes / 1024 / 1024} MiB, ${maxBundleEntries} files, and ${maxNameBytes} bytes in a path.`;

interface FileKey {
  readonly key: string;
  readonly value: string;
  readonly help: string;
}

const sentence = (phrase: string): string => phrase.charAt(0).toUpperCase() + phrase.slice(1);

function fileKeys(): FileKey[] {
  return deployOptions.map(({ name, metavar, help }) => {
    if (name === "env")
      return { key: name, value: "mapping", help: "Variables for the workers, by their names" };
    return {
      key: name,
      value: metavar === "BOOLEAN" ? "true, false" : metavar,
      help: sentence(help),
    };
  });
}

export const functionFilePage = (): string =>
  [
    "# function.yaml",
    `<!-- ${origin} -->`,
    wrap(introduction),
    `\`\`\`yaml\n${sample}\n\`\`\``,
    [
      "| key | value | |",
      "|---|---|---|",
      ...fileKeys().map(({ key, value, help }) => `| \`${key}\` | ${value} | ${help} |`),
    ].join("\n"),
    "## What belongs to a version",
    wrap(files),
  ]
    .join("\n\n")
    .concat("\n");

export const functionFileManual = (version: string): string =>
  page({ name: "function.yaml", chapter: 5, version, origin }, [
    section("Name"),
    text("function.yaml - the settings of a function"),
    section("Description"),
    paragraph(introduction),
    section("Keys"),
    ...fileKeys().map(({ key, value, help }) => item(`${key}: ${value}`, `${help}.`)),
    section("Files of a version"),
    paragraph(files),
    section("Example"),
    verbatim(sample),
    `${section("See also")}\n${text("glean-function(1)")}`,
  ]);
