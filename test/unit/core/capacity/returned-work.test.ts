// Nodes that return or lose everything that they are given: when gleanerd stops using them, and
// when they have a reason.

import { beforeEach, expect, test } from "@jest/globals";
import { ReturnedWork } from "../../../../src/core/capacity/returned-work.js";
import type { Illness } from "../../../../src/core/capacity/sick-nodes.js";
import { type JobId, jobId, nodeName } from "../../../../src/model/ids.js";

const [n1, n2] = [nodeName("n1"), nodeName("n2")];
let work: ReturnedWork;
let found: [string, Illness][];
let nowMs: number;
let jobs: JobId[];

beforeEach(() => {
  found = [];
  nowMs = 0;
  jobs = [];
  work = new ReturnedWork((node, illness) => found.push([node, illness]));
});

/** So many rounds, a second apart, of so many attempts each. */
function comesBack(rounds: number, end: "EVICTED" | "LOST" = "EVICTED", attempts = 1): void {
  for (let round = 0; round < rounds; round++, nowMs += 1_000)
    for (let attempt = 0; attempt < attempts; attempt++) work.returned(n1, end, () => jobs, nowMs);
}

test.each([
  ["sends back all work in 20 rounds", "EVICTED", 20],
  ["loses all work in 5 rounds", "LOST", 5],
] as const)("a node that %s is avoided, longer each time", (_, end, rounds) => {
  comesBack(rounds - 1, end, 64);
  expect(found).toEqual([]);
  comesBack(1, end);
  expect(found).toHaveLength(1);
  expect(work.illness(n1, nowMs)).toMatchObject({ untilMs: nowMs - 1_000 + 60_000 });
  expect(work.illness(n2, nowMs)).toBeNull();
  // What still comes back of what was sent before says nothing new.
  comesBack(rounds, end);
  expect(found).toHaveLength(1);
  nowMs += 60_000;
  expect(work.illness(n1, nowMs)).toBeNull();
  comesBack(rounds, end);
  expect(found[1]![1].untilMs - found[0]![1].untilMs).toBeGreaterThan(120_000);
});

test("a node that ends some of its work is not avoided, and is as trusted as before", () => {
  comesBack(19);
  work.kept(n1);
  comesBack(19);
  expect(found).toEqual([]);
});

test("a node that Slurm gives to one job after the other is not avoided", () => {
  for (let job = 1; job <= 10; job++) {
    jobs = [jobId(job)];
    comesBack(10);
  }
  expect(found).toEqual([]);
  // One job explains no more than once.
  comesBack(20);
  expect(found).toHaveLength(1);
});

test("a node that returns thousands of attempts at once is avoided at once", () => {
  comesBack(1, "EVICTED", 1_999);
  expect(found).toEqual([]);
  comesBack(1, "EVICTED", 1);
  expect(found).toHaveLength(1);
});
