// The corpus of scripts: which are accepted, and that none is that would do something else.

import { expect, test } from "@jest/globals";
import { readSettings } from "../../../../src/cli/batch/read.js";
import { corpus } from "../../../support/corpus/scripts.js";

function refusalOf(text: string): string | null {
  try {
    readSettings(text, "job.sh", [], {});
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

test("has at least 300 scripts", () =>
  expect(Object.values(corpus).flat().length).toBeGreaterThanOrEqual(300));

test.each([...corpus.runnable, ...corpus.lenient])("accepts $head", ({ text }) =>
  expect(refusalOf(text)).toBeNull(),
);

test.each([...corpus.beyond, ...corpus.invalid])("refuses $head", ({ text }) =>
  expect(refusalOf(text)).toMatch(/job\.sh:\d+: #(SBATCH|PBS|BSUB)|needs several nodes/),
);
