// The variables for numbers that scripts have defaults for: as in a job, only if they were given.

import { expect, test } from "@jest/globals";
import { slurmNames } from "../../../../src/core/submission/slurm-names.js";
import { nodeName } from "../../../../src/model/ids.js";
import type { Submission } from "../../../../src/model/invocation.js";
import { invocation } from "../../../support/nouns.js";

const names = (submission: Partial<Submission>, cores: number) => {
  const all = slurmNames(invocation({ cores }), submission as Submission, nodeName("n1"));
  return Object.fromEntries(
    Object.entries(all).filter(([name]) =>
      /_(NTASKS|NPROCS|TASKS_PER_NODE|CPUS_PER_TASK)$/.test(name),
    ),
  );
};

test.each([
  [{}, 4, { SLURM_TASKS_PER_NODE: "4" }],
  [{ coresPerTask: 2 }, 8, { SLURM_TASKS_PER_NODE: "4", SLURM_CPUS_PER_TASK: "2" }],
  [{ ntasks: 1 }, 1, { SLURM_TASKS_PER_NODE: "1", SLURM_NTASKS: "1", SLURM_NPROCS: "1" }],
])("%j with %i cores", (submission, cores, expected) =>
  expect(names(submission, cores)).toEqual(expected),
);

test.each([
  ["short,long", "short"],
  [undefined, "gleaner"],
])("of the partitions %s, the function is in %s", (partitions, expected) => {
  const optionVariables = partitions === undefined ? {} : { SLURM_JOB_PARTITION: partitions };
  const all = slurmNames(invocation({}), { optionVariables } as Submission, nodeName("n1"));
  expect(all.SLURM_JOB_PARTITION).toBe(expected);
});
