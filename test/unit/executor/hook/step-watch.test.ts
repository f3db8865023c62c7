// Steps of jobs in slurmd's spool folder: which files are steps, and that each that starts is told.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { until } from "../../../../scripts/cluster/until.js";
import { jobOfStep, type StepWatch, watchSteps } from "../../../../src/executor/hook/step-watch.js";
import { nodeName } from "../../../../src/model/ids.js";

const n1 = nodeName("n1");
let folder: string;
let steps: StepWatch | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-steps-"));
});
afterEach(() => {
  steps?.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ["n1_42.0", 42],
  ["n1_42.4294967291", 42],
  ["n1_42.4294967291.0", 42],
  ["job00042", 42],
  ["job1234567", 1_234_567],
  ["job00042.4294967290", 42],
  ["n1_42.4294967292", null],
  ["n2_42.0", null],
  ["n1_0.0", null],
  ["n1_9999999999.0", null],
  ["n1_x.0", null],
  ["job00000", null],
  ["jobs", null],
  ["cred_state", null],
  ["hwloc_topo_whole.xml", null],
  ["job00007.sh", null],
])("%s is a step of job %p", (name, job) => {
  expect(jobOfStep(name, n1)).toBe(job);
});

test("steps that start, or started shortly before, are reported; steps that end are not", async () => {
  writeFileSync(join(folder, "n1_1.0"), "");
  const told: number[] = [];
  const troubles: string[] = [];
  steps = watchSteps(
    folder,
    n1,
    (job) => told.push(job),
    (what) => troubles.push(what),
  );
  expect(told).toEqual([1]);
  mkdirSync(join(folder, "job00007"));
  await until(
    10_000,
    () => (told.includes(7) ? true : undefined),
    () => new Error(`told of ${told}`),
  );
  rmSync(join(folder, "n1_1.0"));
  writeFileSync(join(folder, "n1_8.0"), "");
  await until(
    10_000,
    () => (told.includes(8) ? true : undefined),
    () => new Error(`told of ${told}`),
  );
  expect(told.filter((job) => job === 1)).toHaveLength(1);
  expect(troubles).toEqual([]);
});

test("a folder that cannot be watched is reported once, in a sentence", () => {
  const troubles: string[] = [];
  steps = watchSteps(
    join(folder, "none"),
    n1,
    () => {},
    (what) => troubles.push(what),
  );
  expect(troubles).toEqual([expect.stringMatching(/cannot watch .*none: .*ENOENT/)]);
});
