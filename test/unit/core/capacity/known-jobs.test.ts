// Which jobs' marks an executor may ignore when it starts: only those that the node's figures
// certainly include.

import { expect, test } from "@jest/globals";
import { knownJobsOf } from "../../../../src/core/capacity/known-jobs.js";
import { jobId, nodeName } from "../../../../src/model/ids.js";
import type { Job } from "../../../../src/model/slurm/job.js";
import { job, node } from "../../../support/nouns.js";

const n1 = nodeName("n1");
const here = node({ name: n1, cores: 16, allocatedCores: 6 });
const jobOf = (id: number, change: Partial<Job>): Job =>
  job({ id: jobId(id), state: "RUNNING", nodes: [n1], nodeCount: 1, cores: 4, ...change });

test("jobs that hold the node, and no others", () => {
  const jobs = [
    jobOf(1, {}),
    jobOf(2, { nodes: [nodeName("n2")] }),
    jobOf(3, { state: "PENDING", nodes: [] }),
    jobOf(4, { nodes: [n1, nodeName("n2")], nodeCount: 2, cores: 12 }),
  ];
  expect(knownJobsOf(here, jobs)).toEqual([1, 4]);
});

test("one that is completing may have left, and come again under its old id", () => {
  expect(knownJobsOf(here, [jobOf(1, { state: "COMPLETING" }), jobOf(2, {})])).toEqual([2]);
});

test("none, when the node's cores are fewer than the jobs have", () => {
  expect(knownJobsOf(here, [jobOf(1, {}), jobOf(2, {})])).toEqual([]);
  expect(knownJobsOf({ ...here, allocatedCores: 0 }, [jobOf(1, { nodeCount: 3 })])).toEqual([]);
});
