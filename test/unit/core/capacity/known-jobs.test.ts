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

test("exactly the jobs that hold the node are known", () => {
  const jobs = [
    jobOf(1, {}),
    jobOf(2, { nodes: [nodeName("n2")] }),
    jobOf(3, { state: "PENDING", nodes: [] }),
    jobOf(4, { nodes: [n1, nodeName("n2")], nodeCount: 2, cores: 12 }),
  ];
  expect(knownJobsOf(here, jobs)).toEqual([1, 4]);
});

test("a completing job is not known, because it may return under its old id", () => {
  expect(knownJobsOf(here, [jobOf(1, { state: "COMPLETING" }), jobOf(2, {})])).toEqual([2]);
});

test("no job is known if the node has fewer cores than its jobs", () => {
  expect(knownJobsOf(here, [jobOf(1, {}), jobOf(2, {})])).toEqual([]);
  expect(knownJobsOf({ ...here, allocatedCores: 0 }, [jobOf(1, { nodeCount: 3 })])).toEqual([]);
});
