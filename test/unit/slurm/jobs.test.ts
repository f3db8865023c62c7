// Jobs, parsed from what squeue of 22.05, 24.11 and 26.05 really printed, and from what users may
// try.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Job } from "../../../src/model/slurm/job.js";
import { readJobs, squeueFormat } from "../../../src/slurm/jobs.js";

const mark = "@recordedmark@";

/** When job 3 was submitted. */
const submittedAtMs: Readonly<Record<string, number>> = {
  "22.05": 1_795_436_023_000,
  "24.11": 1_795_436_023_000,
  "26.05": 1_795_820_357_000,
};

function readRecorded(version: string): Map<string, Job> {
  const unreadable: string[] = [];
  const file = new URL(`recorded/${version}/squeue.txt`, import.meta.url);
  const jobs = readJobs(readFileSync(file), mark, unreadable);
  expect(unreadable).toEqual([]);
  expect(jobs).toHaveLength(16);
  return new Map(jobs.map((job) => [job.displayId, job]));
}

describe.each(["22.05", "24.11", "26.05"])("recorded output of %s", (version) => {
  const jobs = readRecorded(version);

  test("gives a running job whose name contains a newline and looks like a record", () => {
    const job = jobs.get("3")!;
    expect(job).toEqual({
      id: 3,
      displayId: "3",
      name: "new\nline\ttab 4242|4242|RUNNING|64|2",
      user: version === "26.05" ? "daemon" : "nobody",
      account: "",
      partition: "batch",
      qos: "",
      state: "RUNNING",
      cores: 2,
      nodeCount: 1,
      nodes: ["n3"],
      submittedAtMs: submittedAtMs[version],
      startAtMs: submittedAtMs[version]! + 1_000,
      endAtMs: job.startAtMs! + 15 * 60_000,
      timeLimitMs: 15 * 60_000,
      plannedNodes: [],
      reason: "None",
    });
  });

  test("gives a name and an account with separators", () => {
    expect(jobs.get("2")).toMatchObject({
      name: 'a|b  c,"x" =y',
      account: "acc|ount x",
      state: "COMPLETING",
    });
  });

  test("gives the pending tasks of an array as one job, and its running tasks as one each", () => {
    expect(jobs.get("4_[5-999:2%2]")).toMatchObject({ id: 4, state: "PENDING", startAtMs: null });
    expect(jobs.get("4_1")).toMatchObject({ id: 14, state: "RUNNING", nodes: ["n1"] });
    expect(jobs.get("4_3")).toMatchObject({ id: 15, state: "RUNNING" });
  });

  test("gives what backfill plans for a pending job", () => {
    const job = jobs.get("12")!;
    expect(job).toMatchObject({
      state: "PENDING",
      nodeCount: 3,
      nodes: [],
      plannedNodes: ["n1", "n3", "n4"],
      reason: "Resources",
    });
    expect(job.endAtMs! - job.startAtMs!).toBe(30 * 60_000);
  });

  test("gives the times and nodes of ended jobs", () => {
    const done = jobs.get("9")!;
    expect(done).toMatchObject({ state: "COMPLETED", cores: 2, nodeCount: 1 });
    expect(done.nodes).toHaveLength(1);
    expect(done.endAtMs).toBeGreaterThanOrEqual(done.startAtMs!);
    expect(jobs.get("1")).toMatchObject({ state: "PREEMPTED", partition: "gpu" });
    expect(jobs.get("13")).toMatchObject({ state: "CANCELLED", nodes: [] });
  });

  test("gives a job on several nodes, one for more than a day, and one held", () => {
    expect(jobs.get("11")).toMatchObject({ nodes: ["n1", "n3"], nodeCount: 2 });
    expect(jobs.get("5")!.timeLimitMs).toBe((24 * 60 + 21) * 60_000);
    expect(jobs.get("8")).toMatchObject({ state: "PENDING", reason: "JobHeldUser" });
  });
});

/** What squeue prints with squeueFormat for one job. */
function printed(values: Partial<Record<string, string>>): string {
  const defaults: Record<string, string> = {
    A: "1",
    i: "1",
    T: "RUNNING",
    C: "1",
    D: "1",
    N: "n1",
    V: "100",
    S: "100",
    e: "N/A",
    l: "1:00",
    P: "p",
    Y: "",
    u: "u",
    a: "a",
    q: "q",
    r: "None",
    j: "name",
  };
  const fields = { ...defaults, ...values };
  return `${squeueFormat(mark).replace(/%([A-Za-z])/g, (_, letter: string) => fields[letter]!)}\n`;
}

describe("readJobs", () => {
  test("keeps any text of users in its field", () => {
    const free = fc.string({
      unit: fc.constantFrom(..."ab|#=@\n\t %[],~é".split("")),
      maxLength: 40,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(free, free, free), { maxLength: 5 }), (texts) => {
        const unreadable: string[] = [];
        const output = texts.map(([j, a, r]) => printed({ j, a, r })).join("");
        const jobs = readJobs(Buffer.from(output), mark, unreadable);
        expect(jobs.map((job) => [job.name, job.account, job.reason])).toEqual(texts);
        expect(unreadable).toEqual([]);
      }),
    );
  });

  test("never throws on any output", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(mark, `${mark}#`, `${mark}=`, "|", "1", "n[1"),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        readJobs(Buffer.from(pieces.join("")), mark, []);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["an id", { A: "x" }],
    ["cores", { C: "1K" }],
    ["a node count", { D: "" }],
    ["nodes", { N: "n[1-" }],
    ["planned nodes", { Y: "n[1-999999999]" }],
    ["a field too many", { P: "a|b" }],
  ])("omits a job with an unreadable %s, and notes its record", (_, values) => {
    const unreadable: string[] = [];
    const output = printed(values) + printed({ A: "2" });
    expect(readJobs(Buffer.from(output), mark, unreadable).map((job) => job.id)).toEqual([2]);
    expect(unreadable).toHaveLength(1);
  });

  test("truncates a long name without losing the next record", () => {
    const output = printed({ j: "x".repeat(1_024) }) + printed({ j: "" });
    const names = readJobs(Buffer.from(output), mark, []).map((job) => job.name);
    expect(names).toEqual(["x".repeat(256), ""]);
  });

  test("bounds node lists over all jobs", () => {
    const output = Array.from({ length: 80 }, (_, index) =>
      printed({ N: `a${index}_[1-60000]` }),
    ).join("");
    const unreadable: string[] = [];
    const jobs = readJobs(Buffer.from(output), mark, unreadable);
    expect(jobs.reduce((sum, job) => sum + job.nodes.length, 0)).toBe(66 * 60_000);
    expect(unreadable).toHaveLength(14);
  });
});
