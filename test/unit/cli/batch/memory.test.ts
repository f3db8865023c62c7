// Which of --mem, --mem-per-cpu and --mem-per-gpu counts, wherever they are given.

import { expect, test } from "@jest/globals";
import { readSettings } from "../../../../src/cli/batch/read.js";
import { sizesOf } from "../../../../src/cli/batch/sizes.js";

/** `#SBATCH --mem=1G` is a line of the script, `NAME=value` a variable, others are the line. */
function memoryOf(...words: string[]) {
  const lines = words.filter((word) => word.startsWith("#"));
  const variables = words.filter((word) => /^[A-Z]/.test(word)).map((word) => word.split("="));
  const line = words
    .filter((word) => word.startsWith("--"))
    .map((word) => {
      const [option, value = ""] = word.slice(2).split("=");
      return { option: option!, value, where: `--${option}`, source: "line" as const };
    });
  const script = ["#!/bin/sh", ...lines, "true", ""].join("\n");
  const { settings } = readSettings(script, "job.sh", line, Object.fromEntries(variables));
  const { memoryMb, memoryPerCoreMb } = sizesOf(settings);
  return { memoryMb, memoryPerCoreMb };
}

const ofNode = { memoryMb: 100, memoryPerCoreMb: null };
const ofCore = { memoryMb: null, memoryPerCoreMb: 50 };

/** As sbatch decides it. */
test.each([
  [["SBATCH_MEM_PER_CPU=50M", "--mem=100M"], ofNode],
  [["SBATCH_MEM_PER_CPU=50M", "#SBATCH --mem=100M"], ofNode],
  [["SBATCH_MEM_PER_NODE=100M", "#SBATCH --mem-per-cpu=50M"], ofCore],
  [["SBATCH_MEM_PER_NODE=9M", "SBATCH_MEM_PER_CPU=50M", "--mem=100M"], ofNode],
  [["#SBATCH --mem=9M", "--mem=100M"], ofNode],
  [["#SBATCH --mem=100M", "#GLEAN --mem-per-cpu=50M"], ofCore],
  [["#SBATCH --mem=100M", "--ignore=mem", "--mem-per-cpu=50M"], ofCore],
])("of %j one counts", (words, expected) => expect(memoryOf(...words)).toEqual(expected));

test.each([
  [["--mem=100M", "--mem-per-cpu=50M"], "--mem and --mem-per-cpu exclude each other: give one"],
  [
    ["#SBATCH --mem=100M", "--mem-per-cpu=50M"],
    "job.sh:2: #SBATCH --mem and --mem-per-cpu exclude each other: leave one out, as with --ignore=mem",
  ],
  [
    ["#SBATCH --mem-per-cpu=50M", "#SBATCH --mem=0"],
    "job.sh:3: #SBATCH --mem and job.sh:2: #SBATCH --mem-per-cpu exclude each other: leave one out, as with --ignore=mem",
  ],
  [
    ["SBATCH_MEM_PER_NODE=100M", "SBATCH_MEM_PER_GPU=50M"],
    "$SBATCH_MEM_PER_NODE and $SBATCH_MEM_PER_GPU exclude each other: leave one out, as with --ignore=mem",
  ],
  [["--mem=1G", "#GLEAN --mem-per-gpu=1G"], /^--mem and .*#GLEAN --mem-per-gpu exclude/],
])("%j is refused", (words, sentence) => expect(() => memoryOf(...words)).toThrow(sentence));
