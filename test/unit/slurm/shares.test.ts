// What jobs have by name, parsed from what scontrol of 22.05 and 26.05 really printed, and how
// often it is queried.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { jobId, nodeName } from "../../../src/model/ids.js";
import type { Job } from "../../../src/model/slurm/job.js";
import type { JobShare } from "../../../src/model/slurm/job-share.js";
import { readIds } from "../../../src/slurm/ids.js";
import { ShareBook } from "../../../src/slurm/share-book.js";
import { readShares, shareRequests } from "../../../src/slurm/shares.js";
import { job, node } from "../../support/nouns.js";

const [n1, n2] = [nodeName("n1"), nodeName("n2")];
const recorded = readFileSync(new URL("recorded/22.05/shares.txt", import.meta.url));
/** As the queue has it. */
const asked = (id: number, cores = 2) => ({ id: jobId(id), nodes: [n1, n2], cores });
const read = (text: string, ...ids: number[]) =>
  readShares(
    Buffer.from(text),
    ids.map((id) => asked(id)),
  );
/** A record as scontrol prints it, in as far as it is read. */
const record = (id: number, name: string, asked = "NumNodes=1 NumCPUs=2 NumTasks=1 CPUs/Task=2 ") =>
  `JobId=${id} JobName=${name} JobState=RUNNING NodeList=n1 ${asked}NtasksPerN:B:S:C=0:0:*:* JOB_GRES=gpu:1   Nodes=n1 CPU_IDs=4-5 Mem=100 GRES=gpu:1(IDX:3) MinCPUsNode=1\n`;

describe("recorded output of 22.05", () => {
  const shares = readShares(
    recorded,
    [4, 5, 7, 99].map((id) => asked(id)),
  );

  test("gives cores, memory and GPUs on each node", () => {
    expect(shares.get(jobId(4))!.byNode).toEqual(
      new Map([[n1, { cpuIds: [0], memoryMb: 1_000, gpus: [0] }]]),
    );
    expect(shares.get(jobId(7))!.byNode.get(n2)).toEqual({
      cpuIds: [1],
      memoryMb: 1_000,
      gpus: [0],
    });
  });

  test("a name that forges a record does not affect other jobs", () => {
    expect([...shares.keys()].sort()).toEqual([4, 5, 7]);
    // Its real share follows its new line, under a number that nobody asked for, so it is unknown.
    expect(shares.get(jobId(5))!.byNode.has(n2)).toBe(false);
  });
});

test("recorded output of 26.05, with submit lines, gives the same shares", () => {
  const text = readFileSync(new URL("recorded/26.05/shares.txt", import.meta.url));
  const jobs = [3, 5, 6, 11].map((id) => ({
    id: jobId(id),
    nodes: ["n1", "n2", "n3"].map(nodeName),
    cores: 3,
  }));
  const shares = [...readShares(text, jobs)].map(([id, { byNode }]) => [id, [...byNode]]);
  expect(shares).toEqual([
    [3, [["n3", { cpuIds: [0, 1], memoryMb: 1_000, gpus: [] }]]],
    [5, [["n2", { cpuIds: [0, 1, 2], memoryMb: 3_000, gpus: [0, 1] }]]],
    [6, [["n3", { cpuIds: [2, 3], memoryMb: 2_500, gpus: [0] }]]],
    [
      11,
      [
        ["n1", { cpuIds: [3], memoryMb: 1_000, gpus: [] }],
        ["n3", { cpuIds: [8], memoryMb: 1_000, gpus: [] }],
      ],
    ],
  ]);
});

test("a forged name can only add to the share of its own job", () => {
  const name = "x   Nodes=n1 CPU_IDs=0 Mem=1 GRES= y";
  expect(read(record(8, name), 8).get(jobId(8))!.byNode.get(n1)).toEqual({
    cpuIds: [0, 4, 5],
    memoryMb: 101,
    gpus: [3],
  });
  const twice = `${record(8, "a")}${record(8, "b").replace("4-5", "6")}`;
  expect(read(twice, 8).get(jobId(8))!.byNode.get(n1)!.cpuIds).toEqual([4, 5, 6]);
});

test("a forged record of nodes of other jobs is ignored", () => {
  const share = read(record(8, "x   Nodes=n[3-9] CPU_IDs=0 Mem=1 GRES= y"), 8).get(jobId(8))!;
  expect([...share.byNode.keys()]).toEqual([n1]);
});

/** Of text that any user may write: each would be hours of work, or gigabytes. */
test.each([
  ["nodes", "Nodes=n[0-65535] CPU_IDs=0 Mem=1 GRES="],
  ["CPUs", "Nodes=n1 CPU_IDs=0-65535 Mem=1 GRES="],
  ["CPUs of nodes", "Nodes=n[1-99] CPU_IDs=0-99 Mem=1 GRES="],
  ["GPUs of nodes", "Nodes=n[1-99] CPU_IDs=0 Mem=1 GRES=gpu:100(IDX:0-99)"],
  ["parts", "Nodes=n1 CPU_IDs=0-99 Mem=1 GRES= Nodes=n1 CPU_IDs=0-99 Mem=1 GRES= ".repeat(10)],
])("the share of a job with few cores whose record lists many %s is unknown", (_what, made) => {
  const text = record(8, `x ${made} y`);
  expect(read(text, 8).size).toBe(0);
  const large = { ...asked(8, 1_000_000), nodes: [n1] };
  expect(readShares(Buffer.from(text), [large]).get(jobId(8))?.byNode.has(n1)).toBe(true);
});

test.each([
  ["4-", "4-5", "4-"],
  ["no list of nodes", "Nodes=n1", "Nodes=n[1"],
])("an unreadable share (%s) is unknown", (_what, from, to) => {
  expect(read(record(8, "a").replace(from, to), 8).size).toBe(0);
});

test("GPUs without indices count as unknown", () => {
  const text = record(8, "a").replace("(IDX:3)", "");
  expect(read(text, 8).get(jobId(8))!.byNode.get(n1)!.gpus).toBeNull();
});

test.each([
  ["NumNodes=1 NumTasks=1 CPUs/Task=1 ", null],
  ["NumNodes=3 NumTasks=3 CPUs/Task=1 ", null],
  ["NumNodes=1 NumTasks=4 CPUs/Task=1 ", 4],
  ["NumNodes=1 NumTasks=4 CPUs/Task=2 ", 8],
  // Two nodes with one each, and all the others on the third.
  ["NumNodes=3 NumTasks=8 CPUs/Task=2 ", 12],
  ["NumNodes=1 NumTasks=N/A CPUs/Task=2 ", null],
])("%s requested %p CPUs of a node", (asked, cpus) => {
  expect(read(record(8, "a", asked), 8).get(jobId(8))!.askedCpusPerNode).toBe(cpus);
});

test("--ntasks-per-node gives the exact number", () => {
  const text = record(8, "a", "NumNodes=3 NumTasks=6 CPUs/Task=2 ").replace("C=0:", "C=2:");
  expect(read(text, 8).get(jobId(8))!.askedCpusPerNode).toBe(4);
});

test("any output is read without throwing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (noise) => {
      expect(read(`${noise}\n${record(8, "a")}`, 8).has(jobId(8))).toBe(true);
    }),
  );
});

test("lists of ids", () => {
  expect(readIds("0-2,5,9-9")).toEqual([0, 1, 2, 5, 9]);
  expect(readIds("0-65535")).toHaveLength(65_536);
  expect(readIds("0-2,5", 4)).toEqual([0, 1, 2, 5]);
  expect(readIds("0-2,5", 3)).toBeNull();
  expect(readIds("0-65535,0")).toBeNull();
  for (const text of ["", "a", "1-", "-1", "0-99999", "1,,2"]) expect(readIds(text)).toBeNull();
});

describe("the book", () => {
  const mixed = node({ name: n1, baseState: "MIXED", allocatedCores: 2 });
  const holder = (id: number, change: Partial<Job> = {}) =>
    job({ id: jobId(id), state: "RUNNING", nodes: [n1], startAtMs: 5, ...change });
  const share: JobShare = {
    byNode: new Map([[n1, { cpuIds: [0], memoryMb: 1, gpus: [] }]]),
    askedCpusPerNode: null,
  };
  const pinned = { jobsArePinned: true, exclusivePartitions: [] };
  let questions: number[][];
  const ask = async (jobs: readonly Job[]) => {
    questions.push(jobs.map(({ id }) => id));
    return new Map(jobs.filter(({ id }) => id < 50).map(({ id }) => [id, share]));
  };
  const fresh = () => {
    questions = [];
    return new ShareBook();
  };

  test("reads each job once, and again after a requeue", async () => {
    const book = fresh();
    expect([...(await book.sharesOf([holder(1)], [mixed], pinned, ask)).keys()]).toEqual([1]);
    await book.sharesOf([holder(1), holder(2)], [mixed], pinned, ask);
    await book.sharesOf([holder(2)], [mixed], pinned, ask);
    await book.sharesOf([holder(2, { startAtMs: 9 })], [mixed], pinned, ask);
    expect(questions).toEqual([[1], [2], [2]]);
    expect((await book.sharesOf([], [mixed], pinned, ask)).size).toBe(0);
  });

  test("reads a job again if its share was unknown", async () => {
    const book = fresh();
    expect((await book.sharesOf([holder(60)], [mixed], pinned, ask)).size).toBe(0);
    const elsewhere = holder(1, { nodes: [n1, n2] });
    expect((await book.sharesOf([elsewhere], [mixed], pinned, ask)).size).toBe(0);
    expect(questions).toEqual([[60], [1]]);
  });

  test.each([
    ["no job is pinned", mixed, { ...pinned, jobsArePinned: false }, 0],
    ["the node is idle", node({ name: n1 }), pinned, 0],
    ["the node is full", node({ name: n1, allocatedCores: 16 }), pinned, 0],
    [
      "the node is full and its partition's jobs leave their rest",
      node({ name: n1, allocatedCores: 16 }),
      { ...pinned, exclusivePartitions: ["batch"] },
      1,
    ],
    [
      "which GPUs are taken is not told",
      { ...mixed, gpuCount: 2, allocatedGpus: [0, 1], untoldGpuCount: 1 },
      { ...pinned, jobsArePinned: false },
      1,
    ],
    [
      "which GPUs are taken is told",
      { ...mixed, gpuCount: 2, allocatedGpus: [1] },
      { ...pinned, jobsArePinned: false },
      0,
    ],
  ])("where %s", async (_what, on, rules, commands) => {
    await fresh().sharesOf([holder(1)], [on], rules, ask);
    expect(questions).toHaveLength(commands);
  });

  test("writes each request on one line", () =>
    expect(shareRequests([asked(4), asked(5)])).toBe("show job 4\nshow job 5\n"));
});
