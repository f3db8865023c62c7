// Directives in scripts: where they are searched, how they are parsed, and which of sbatch's
// options are refused.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { readDirectives, splitWords } from "../../../../src/cli/batch/directives.js";
import { foreignOptions, judgeForeign } from "../../../../src/cli/batch/foreign-options.js";
import { batchOptions, settle } from "../../../../src/cli/batch/options.js";
import { whyNoScript } from "../../../../src/cli/batch/script.js";
import { GleanerError } from "../../../../src/model/errors.js";

const shapes = { GLEAN: batchOptions, SBATCH: [...batchOptions, ...foreignOptions] };
const read = (script: string) => readDirectives(script, "job.sh", shapes);
const options = (script: string) => read(script).known.map(({ option, value }) => [option, value]);

describe("directives are found", () => {
  test("before the first line that is neither blank nor a comment", () => {
    const script =
      "#!/bin/sh\n# hello\n\n#SBATCH -c 2\n  # more\n#GLEAN -t 5\necho hi\n#SBATCH -c 9\n";
    expect(options(script)).toEqual([
      ["cpus-per-task", "2"],
      ["time", "5"],
    ]);
  });
  test("only at the start of a line, and as a word of its own", () =>
    expect(options("#!/bin/sh\n #SBATCH -c 2\n##SBATCH -c 3\n#SBATCHES -c 4\n")).toEqual([]));
  test("in the last line even without a newline", () =>
    expect(options("#!/bin/sh\n#SBATCH -c 2")).toEqual([["cpus-per-task", "2"]]));
});

describe("the reader", () => {
  test("reads all forms of options, quotes and comments", () =>
    expect(
      options(`#!/bin/sh\n#SBATCH --mem=2G -J "a b" -c4 --time 1:00 -W # --array=1\n`),
    ).toEqual([
      ["mem", "2G"],
      ["job-name", "a b"],
      ["cpus-per-task", "4"],
      ["time", "1:00"],
      ["wait", ""],
    ]));

  test.each([
    ["#GLEAN --tim=5", "job.sh:2: #GLEAN: unknown option --tim; did you mean --time?"],
    ["#GLEAN --partition=x", /^job\.sh:2: #GLEAN: unknown option --partition; did you mean --/],
    ["#SBATCH --mem", "job.sh:2: #SBATCH --mem: missing value: write it after the option"],
    ["#SBATCH job.sh", /job\.sh:2: #SBATCH: "job\.sh" is not an option/],
    ["#SBATCH -J 'x", "job.sh:2: #SBATCH: unclosed quote ': close it"],
    ["#SBATCH --wait=5", 'job.sh:2: #SBATCH --wait: the option takes no value: remove "5"'],
  ])("%s", (line, sentence) => expect(() => read(`#!/bin/sh\n${line}\n`)).toThrow(sentence));

  test("returns an option of a newer Slurm as unknown, with its value", () => {
    const { known, unknown } = read("#!/bin/sh\n#SBATCH --brand-new thing -c 3\n");
    expect(unknown).toEqual([expect.objectContaining({ option: "--brand-new" })]);
    expect(known).toEqual([expect.objectContaining({ option: "cpus-per-task", value: "3" })]);
  });

  test("reads quoted words back unchanged", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 })), (words) => {
        const text = words.map((word) => `"${word.replace(/["\\]/g, "\\$&")}"`).join(" ");
        expect(splitWords(text, "here")).toEqual(words);
      }),
    );
  });

  test("turns any text after #SBATCH into directives or one sentence with file and line", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes("\n")),
        (text) => {
          try {
            read(`#!/bin/sh\n#SBATCH ${text}\n`);
          } catch (error) {
            expect(error).toBeInstanceOf(GleanerError);
            expect((error as Error).message).toMatch(/^job\.sh:2: #SBATCH/);
          }
        },
      ),
    );
  });
});

describe("the effect of directives", () => {
  test("is that later ones override earlier ones, and --mem and --mem-per-cpu each other", () => {
    const settings = settle([
      { option: "mem", value: "1G", where: "a" },
      { option: "mem-per-cpu", value: "100", where: "b" },
      { option: "cpus-per-task", value: "2", where: "a" },
      { option: "cpus-per-task", value: "3", where: "b" },
    ]);
    expect(settings).toMatchObject({ memoryMb: null, memoryPerCoreMb: 100, cores: 3 });
  });
  test("includes that an invalid value is refused even if another option overrides it", () =>
    expect(() =>
      settle([
        { option: "mem", value: "lots", where: "job.sh:3: #SBATCH --mem" },
        { option: "mem", value: "1G", where: "--mem" },
      ]),
    ).toThrow(/^job\.sh:3: #SBATCH --mem: invalid memory size "lots"/));
});

describe("sbatch's other options", () => {
  test.each([
    ["nodes", "1"],
    ["nodes", "1-1"],
    ["ntasks", "1"],
    ["partition", "debug"],
  ])("--%s=%s changes nothing", (option, value) =>
    expect(judgeForeign(option, value, "x")).toBeNull(),
  );
  test.each(["mail-type", "exclusive", "hint"])("--%s is ignored with a note", (option) =>
    expect(judgeForeign(option, "x", "job.sh:2: #SBATCH")).toBe("job.sh:2: #SBATCH"),
  );
  test.each([
    ["nodes", "2"],
    ["ntasks", "8"],
    ["mem-per-gpu", "4G"],
    ["dependency", "afterok:1"],
    ["constraint", "avx512"],
    ["no-requeue", ""],
    ["hold", ""],
  ])("--%s=%s is refused with its place", (option, value) =>
    expect(() => judgeForeign(option, value, "job.sh:2: #SBATCH")).toThrow(
      /^job\.sh:2: #SBATCH.*(remove it|sbatch)/,
    ),
  );
  test("appear in one table only, and no short form twice", () => {
    const all = [...batchOptions, ...foreignOptions];
    const names = all.map(({ name }) => name);
    const shorts = all.flatMap(({ short }) => short ?? []);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(shorts).size).toBe(shorts.length);
  });
});

describe("invalid scripts", () => {
  test.each<[string, Buffer, RegExp | null]>([
    ["a script", Buffer.from("#!/bin/sh\nexit\n"), null],
    ["empty", Buffer.alloc(0), /is empty/],
    ["blank", Buffer.from(" \n\n"), /only whitespace/],
    ["no #!", Buffer.from("echo hi\n"), /must start with #! followed by the path/],
    ["DOS", Buffer.from("#!/bin/sh\r\nexit\r\n"), /DOS line breaks/],
    ["a program", Buffer.from("\x7fELF\0\0"), /NUL bytes/],
    ["Latin-1", Buffer.from("#!/bin/sh\n# caf\xe9\n", "latin1"), /UTF-8/],
  ])("%s", (_name, bytes, sentence) => {
    if (sentence === null) expect(whyNoScript(bytes)).toBeNull();
    else expect(whyNoScript(bytes)).toMatch(sentence);
  });
});
