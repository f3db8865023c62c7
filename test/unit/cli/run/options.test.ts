// The options of glean run, and what its ends are called.

import { expect, test } from "@jest/globals";
import { parseOptions } from "../../../../src/cli/batch/getopt.js";
import { sentenceOf, statusOf, verdictOf } from "../../../../src/cli/run/ends.js";
import {
  knownWith,
  runOptions,
  settingsOf,
  shellOptions,
} from "../../../../src/cli/run/options.js";
import { invocation } from "../../../support/glean.js";

function read(words: readonly string[], options = runOptions) {
  const { found, rest, problems } = parseOptions(words, knownWith(options), "srun");
  const given = found.map(({ shape, text, value }) => ({
    option: shape.name,
    value,
    where: text,
    source: "line" as const,
  }));
  return { ...settingsOf(given), rest, problems };
}

test("srun's options, up to the command, which keeps its own", () => {
  const words = "-n4 -l --mem=2G -W 5 -K -i 2 -I --requeue -J x prog -n 9".split(" ");
  const { settings, rest, problems } = read(words);
  expect(problems).toEqual([]);
  expect(rest).toEqual(["prog", "-n", "9"]);
  expect(settings).toMatchObject({
    needs: { tasks: 4, memoryMb: 2_048, name: "x" },
    label: true,
    waitMs: 5_000,
    killOnBadExit: true,
    input: 2,
    immediateMs: 1_000,
    requeue: true,
  });
});

test.each([
  [["--immediate=7", "x"], { immediateMs: 7_000 }],
  [["-I30", "x"], { immediateMs: 30_000 }],
  [["--input", "none", "x"], { input: "none" }],
  [["--input=./data", "x"], { input: { file: "./data" } }],
  [["-W", "0", "x"], { waitMs: null }],
  [["-o", "%j.out", "x"], { output: { file: "%j.out" }, errors: { file: "%j.out" } }],
  [["-e", "none", "-o2", "x"], { output: 2, errors: "none" }],
  [["--error=e", "--open-mode=append", "x"], { output: "all", needs: { openMode: "append" } }],
])("%j", (words, expected) => {
  expect(read(words).settings).toMatchObject(expected);
});

test("options of srun that change nothing are ignored, unknown ones named", () => {
  expect(read(["-p", "debug", "-N", "1", "x"]).settings.needs.name).toBeNull();
  expect(read(["--labell", "x"]).problems).toEqual([
    "--labell: srun has no such option; did you mean --label?",
  ]);
  expect(() => read(["-N", "2", "x"])).toThrow("runs on one node");
  expect(() => read(["-W", "soon", "x"])).toThrow('-W: invalid value "soon"');
});

test("a shell has one task and no options for several", () => {
  expect(read(["-l"], shellOptions).problems).toHaveLength(1);
  expect(read(["-o", "file"], shellOptions).problems).toHaveLength(1);
  expect(read(["-c", "4"], shellOptions).settings.needs.coresPerTask).toBe(4);
});

test("ends have the status of a shell and one sentence", () => {
  expect(statusOf({ code: null, signal: 9 })).toBe(137);
  expect(statusOf({ code: 3, signal: null })).toBe(3);
  expect(sentenceOf(0, "n1", { code: 0, signal: null })).toBeNull();
  expect(sentenceOf(1, "n1", { code: 3, signal: null })).toBe("task 1 on n1 exited with status 3");
  const ended = (change: object) => verdictOf(invocation(change), "42", 0);
  expect(ended({ state: "TIMEOUT" })).toEqual({
    status: 1,
    sentence: "job 42 reached its time limit of 1000 ms",
  });
  expect(ended({ state: "FAILED", exitCode: 121, node: "n3" }).sentence).toMatch(
    /^n3 could not connect to this machine/,
  );
  expect(ended({ state: "COMPLETED" })).toEqual({ status: 0, sentence: null });
});
