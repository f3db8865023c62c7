// Directives in scripts: where they are searched, and how they are parsed.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { readDirectives, splitWords } from "../../../../src/cli/batch/directives.js";
import { sbatchOptions } from "../../../../src/cli/batch/options/sbatch-options.js";
import { whyNoScript } from "../../../../src/cli/batch/script.js";

const shapes = { GLEAN: sbatchOptions, SBATCH: sbatchOptions };
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
  test("only at the start of a line", () =>
    expect(options("#!/bin/sh\n #SBATCH -c 2\n##SBATCH -c 3\n#sbatch -c 4\n")).toEqual([]));
  test("as sbatch finds them: without a space, and with the old word", () =>
    expect(options("#!/bin/sh\n#SBATCH--mem=2G\n#SLURM -c 2\n")).toEqual([
      ["mem", "2G"],
      ["cpus-per-task", "2"],
    ]));
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
    ["--depend=afterok:1", ["dependency", "afterok:1"]],
    ["--out x.log", ["output", "x.log"]],
    ["--tasks-per-node=4", ["tasks-per-node", "4"]],
    ["--spread", ["spread-job", ""]],
    ["-HJname", ["hold", ""], ["job-name", "name"]],
    ["-n4 -N1", ["ntasks", "4"], ["nodes", "1"]],
    ["-o=x", ["output", "=x"]],
    ["--exclusive --nice=5", ["exclusive", ""], ["nice", "5"]],
    ["-k --mem 1G", ["no-kill", ""], ["mem", "1G"]],
    ["--mem=2G#memory -n 4", ["mem", "2G"]],
    [String.raw`-J 'it\'s'`, ["job-name", "it's"]],
  ])("resolves %s as getopt_long does", (line, ...expected) =>
    expect(options(`#!/bin/sh\n#SBATCH ${line}\n`)).toEqual(expected),
  );

  test.each([
    ["#SBATCH --mem", "job.sh:2: #SBATCH --mem: missing value: write it after the option"],
    ["#SBATCH\u00a0--mem=1G", /job\.sh:2: #SBATCH \u00a0--mem=1G: not an option/],
    ["#SBATCH job.sh", /job\.sh:2: #SBATCH job\.sh: not an option/],
    ["#SBATCH -J 'x", "job.sh:2: #SBATCH: unclosed quote: close it"],
    ["#SBATCH --wait=5", /^job\.sh:2: #SBATCH --wait: the option takes no value/],
    ["#SBATCH --gpu=1", /^job\.sh:2: #SBATCH --gpu: the option is ambiguous: write one of --gpu-b/],
    ["#SBATCH --workdir=x", /^job\.sh:2: #SBATCH --workdir: sbatch has no such option; did you/],
    ["#SBATCH hetjob", /^job\.sh:2: #SBATCH hetjob: a function runs on one node/],
  ])("%s is a problem", (line, sentence) =>
    expect(read(`#!/bin/sh\n${line}\n`).problems).toEqual([
      typeof sentence === "string" ? sentence : expect.stringMatching(sentence),
    ]),
  );

  test("finds every problem", () => {
    const { problems } = read("#!/bin/sh\n#SBATCH --one\n# PBS\n#SBATCH --two --mem\n");
    expect(problems.map((each) => each.slice(0, 24))).toEqual([
      "job.sh:2: #SBATCH --one:",
      "job.sh:4: #SBATCH --two:",
      "job.sh:4: #SBATCH --mem:",
    ]);
  });

  // As Slurm 22.05 was seen to read them.
  test.each([
    ["a\\ b", ["a", "b"]],
    ['"a\\ b"', ["a b"]],
    ["a\\\\b", ["a\\b"]],
    ['a\\"b', ['a"b']],
    ["a \\", ["a"]],
    ["a\\", ["a"]],
    ["a \\ b", ["a"]],
    ['a "" b', ["a"]],
    ["a\u00a0b\u2003c", ["a\u00a0b\u2003c"]],
  ])("splits %s as sbatch does", (text, words) => expect(splitWords(text)).toEqual(words));

  test("reads quoted words back unchanged", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 })), (words) => {
        const text = words.map((word) => `"${word.replace(/["\\]/g, "\\$&")}"`).join(" ");
        expect(splitWords(text)).toEqual(words);
      }),
    );
  });

  test("turns any text after #SBATCH into directives or problems with file and line", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes("\n")),
        (text) => {
          for (const problem of read(`#!/bin/sh\n#SBATCH ${text}\n`).problems)
            expect(problem).toMatch(/^job\.sh:2: #SBATCH/);
        },
      ),
    );
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
