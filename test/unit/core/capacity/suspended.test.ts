// Resources that Slurm's count omits although jobs have them or get them back without a prolog:
// those of suspended and of completing jobs are not a hole.

import { describe, expect, test } from "@jest/globals";
import { findHoles } from "../../../../src/core/capacity/holes.js";
import { knownJobsOf } from "../../../../src/core/capacity/known-jobs.js";
import { jobId, nodeName } from "../../../../src/model/ids.js";
import type { Job } from "../../../../src/model/slurm/job.js";
import type { JobShare } from "../../../../src/model/slurm/job-share.js";
import type { Node } from "../../../../src/model/slurm/node.js";
import type { ClusterFacts, Partition } from "../../../../src/model/slurm/snapshot.js";
import { readNodeLine } from "../../../../src/slurm/nodes.js";
import { ShareBook } from "../../../../src/slurm/share-book.js";
import { context, facts, job, node, policy, snapshot } from "../../../support/nouns.js";

const n1 = nodeName("n1");
const suspended = (cores: number, change: Partial<Job> = {}) =>
  job({ id: jobId(7), state: "SUSPENDED", nodes: [n1], cores, ...change });
const running = (cores: number, change: Partial<Job> = {}) =>
  job({ id: jobId(8), state: "RUNNING", nodes: [n1], cores, ...change });
const shareOf = (cpuIds: readonly number[]): JobShare => ({
  byNode: new Map([[n1, { cpuIds, memoryMb: 100, gpus: [] }]]),
  askedCpusPerNode: null,
});

function found(
  change: Partial<Node>,
  jobs: readonly Job[],
  shares = new Map<Job["id"], JobShare>(),
  more: { facts?: ClusterFacts; partitions?: readonly Partition[] } = {},
) {
  const of = snapshot({ nodes: [node({ name: n1, ...change })], jobs, shares, ...more });
  const { holes, unusable } = findHoles(of, policy, context());
  return holes[0] ?? unusable[0]!.reason;
}

/** As 22.05 prints a node whose only job is suspended. */
const looksIdle = { baseState: "IDLE", allocatedCores: 0, allocatedMemoryMb: 1_000 } as const;
/** As 25.11 does. */
const looksMixed = { ...looksIdle, baseState: "MIXED" } as const;
const beside = { baseState: "MIXED", allocatedCores: 4, allocatedMemoryMb: 2_000 } as const;

describe("the cores of a suspended job", () => {
  test.each([
    ["looks idle", looksIdle],
    ["looks mixed", looksMixed],
  ])("do not belong to the hole on a node that %s", (_what, record) => {
    const hole = found(record, [suspended(6)]);
    expect(hole).toMatchObject({ kind: "fragment", free: { cores: 10, memoryMb: 30_500 } });
    expect(found(record, [suspended(16)])).toEqual({ kind: "full" });
  });

  test("do not belong to the hole beside running jobs", () => {
    const hole = found(beside, [suspended(6), running(4)]);
    expect(hole).toMatchObject({ free: { cores: 6 } });
  });

  test("may be any of the node's, unless Slurm reports how many it has there", () => {
    const wide = suspended(20, { nodeCount: 3 });
    expect(found(looksIdle, [wide])).toEqual({ kind: "full" });
    const shares = new Map([[wide.id, shareOf([0, 1, 2])]]);
    expect(found(looksIdle, [wide], shares)).toMatchObject({ free: { cores: 13 } });
  });

  test("are kept from functions by number where jobs are pinned", () => {
    const jobs = [suspended(2), running(4)];
    const pinned = { facts: { ...facts, jobsArePinned: true } };
    const shares = new Map([[jobId(7), shareOf([4, 5])]]);
    expect(found(beside, jobs, shares, pinned)).toMatchObject({ kind: "pinned" });
    shares.set(jobId(8), shareOf([0, 1, 2, 3]));
    const cpuIds = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    expect(found(beside, jobs, shares, pinned)).toMatchObject({ free: { cores: 10, cpuIds } });
    const alone = found(looksIdle, [suspended(2)], shares, pinned);
    expect(alone).toMatchObject({ free: { cores: 14, cpuIds: [0, 1, 2, 3, ...cpuIds] } });
  });

  test("are requested from Slurm, whatever else is known of the node", async () => {
    const asked: number[][] = [];
    const rules = { jobsArePinned: false, exclusivePartitions: [] };
    const ask = async (jobs: readonly Job[]) => {
      asked.push(jobs.map(({ id }) => id));
      return new Map([[jobId(7), shareOf([0])]]);
    };
    const jobs = [suspended(4, { nodeCount: 1 })];
    const shares = await new ShareBook().sharesOf(jobs, [node({ name: n1 })], rules, ask);
    expect(asked).toEqual([[7]]);
    expect([...shares.keys()]).toEqual([7]);
  });

  test("excuse no mark on the node, because its figures do not include them", () => {
    const jobs = [suspended(6), running(4)];
    expect(knownJobsOf(node({ name: n1, ...beside }), jobs)).toEqual([8]);
  });
});

describe("the cores of a job that is completing", () => {
  const completing = (cores: number) => running(cores, { state: "COMPLETING" });

  // As seen after a resize: Slurm had cancelled the job, and its processes ran on for 8 s.
  test.each([
    ["looks idle", { baseState: "IDLE", allocatedCores: 0 } as const, 12],
    ["has other jobs", { baseState: "MIXED", allocatedCores: 2 } as const, 10],
  ])("do not belong to the hole on a node that %s", (_what, record, cores) => {
    const other = running(2, { id: jobId(9) });
    const jobs = [completing(4), ...(record.allocatedCores === 0 ? [] : [other])];
    expect(found(record, jobs)).toMatchObject({ kind: "fragment", free: { cores } });
  });

  test("are not counted twice while Slurm's own count includes them", () => {
    expect(found(beside, [completing(4)])).toMatchObject({ free: { cores: 12 } });
  });

  test("are idle in the report, as in Slurm's own count", () => {
    const record = { baseState: "IDLE", flags: ["COMPLETING"], allocatedCores: 0 } as const;
    const nodes = [node({ name: n1, ...record })];
    const of = snapshot({ nodes, jobs: [completing(nodes[0]!.cores)] });
    const reason = { kind: "state", flag: "COMPLETING" };
    const { unusable } = findHoles(of, policy, context());
    expect(unusable).toMatchObject([{ reason, idleCores: nodes[0]!.cores }]);
  });
});

describe("a job resumed on cores that Slurm gave to another", () => {
  // Slurm counts the cores once that both have.
  const overlapping = { ...beside, allocatedCores: 10 };
  const resumed = running(6);
  const wide = running(16, { id: jobId(9), nodes: [n1, nodeName("n2")], nodeCount: 2 });

  test("shares them with the other, as Slurm's records of both show", () => {
    const shares = new Map([[wide.id, shareOf([0, 1, 2, 3, 6, 7, 8, 9])]]);
    expect(found(overlapping, [resumed, wide], shares)).toMatchObject({ free: { cores: 2 } });
  });

  test("shares them with a job of several nodes, which counts as spread evenly until its share is known", () => {
    expect(found(overlapping, [resumed, wide])).toMatchObject({ free: { cores: 2 } });
  });

  test("takes no more than the record of an uneven job of several nodes shows", () => {
    const shares = new Map([[wide.id, shareOf([6, 7, 8, 9])]]);
    expect(found(overlapping, [resumed, wide], shares)).toMatchObject({ free: { cores: 6 } });
  });

  test("is requested from Slurm for that node only", async () => {
    const asked: number[] = [];
    const ask = async (jobs: readonly Job[]) => {
      asked.push(...jobs.map(({ id }) => id));
      return new Map<Job["id"], JobShare>();
    };
    const rules = { jobsArePinned: false, exclusivePartitions: [] };
    const full = node({ name: n1, baseState: "MIXED", allocatedCores: 14 });
    await new ShareBook().sharesOf([resumed, wide], [full], rules, ask);
    expect(asked).toEqual([]);
    const over = { ...full, allocatedCores: 10 };
    await new ShareBook().sharesOf([resumed, wide], [over], rules, ask);
    expect(asked).toEqual([8, 9]);
  });
});

describe("a job suspended between the two reads", () => {
  test("keeps its cores, because the queue still shows it as running", () => {
    expect(found(looksIdle, [running(6)])).toMatchObject({ free: { cores: 10 } });
    expect(found(beside, [running(6)])).toMatchObject({ free: { cores: 10 } });
  });

  test("is not derived from the queue's sum where jobs may share cores", () => {
    const [forced] = snapshot({}).partitions;
    const partition = { ...forced, name: "batch", overSubscribe: "FORCE:2" } as Partition;
    const jobs = [running(4), running(4, { id: jobId(9) })];
    const partitions = [partition];
    expect(found(beside, jobs, new Map(), { partitions })).toMatchObject({ free: { cores: 12 } });
  });
});

describe("a record that shows allocated resources but no core", () => {
  test("is no hole if the job that holds it is unknown", () => {
    for (const record of [looksIdle, looksMixed, { baseState: "MIXED" } as const])
      expect(found(record, [])).toEqual({ kind: "full" });
    // 22.05 prints this of a node that a job got from another one (dependency=expand).
    expect(found(looksMixed, [running(5, { nodeCount: 2 })])).toEqual({ kind: "full" });
    const pinned = { facts: { ...facts, jobsArePinned: true } };
    expect(found(looksMixed, [], new Map(), pinned)).toEqual({ kind: "full" });
  });

  test("is no hole in the output of Slurm 25.11", () => {
    const line =
      "NodeName=a4 CPUAlloc=0 CPUEfctv=32 CPUTot=32 RealMemory=15867 AllocMem=1024 Gres=(null) State=MIXED+DYNAMIC_NORM ThreadsPerCore=2 Owner=N/A MCS_label=N/A Partitions=cpu CfgTRES=cpu=32,mem=15867M,billing=32 AllocTRES=mem=1G Version=25.11.2";
    const { holes, unusable } = findHoles(
      snapshot({ nodes: [readNodeLine(line)!] }),
      policy,
      context(),
    );
    expect(holes).toEqual([]);
    expect(unusable).toMatchObject([{ node: "a4", reason: { kind: "full" }, idleCores: 0 }]);
  });
});
