// The verdict of `bench harm --mix`: what the witness saw, against what Slurm gave the jobs.

import { expect, test } from "@jest/globals";
import { JobBook, readRecord } from "../../../../scripts/benchmarks/harm/job-book.js";
import {
  judge,
  readWatch,
  type Share,
  type ShareOf,
} from "../../../../scripts/benchmarks/harm/judge.js";
import { nowMs } from "../../../../src/clock.js";

const whole: Share = { cores: 8, memoryMb: 8_000 };
const given: Readonly<Record<number, Share>> = {
  7: { cores: 4, memoryMb: 4_000 },
  8: { cores: 1, memoryMb: 7_500 },
  9: { cores: 8, memoryMb: 100 },
};
const shareOf: ShareOf = (job) => given[job] ?? null;
const verdictOf = (...lines: string[]) => judge(readWatch(lines.join("\n")), whole, shareOf);

test("functions beside a job are not a violation while both fit", () => {
  const { violations, idleCoreMs, functionCoreMs } = verdictOf(
    "1000 n1 j:7:- f:1.1:2:1000:- f:2.1:2:1000:-",
    "1100 n1 j:7:-",
    "1200 n1",
  );
  expect(violations).toEqual([]);
  expect([idleCoreMs, functionCoreMs]).toEqual([4 * 200, 4 * 100]);
});

test("too many cores, too much memory and a GPU of the job are violations, from the first sample to the first without", () => {
  const { violations } = verdictOf(
    "1000 n1 f:1.1:5:100:-",
    "1010 n1 j:7:- f:1.1:5:100:-",
    "1045 n1 j:7:-",
    "2000 n2 j:8:- f:1.1:1:900:-",
    "2005 n2 j:8:- f:1.1:1:900:- f:2.1:1:100:-",
    "2007 n2 j:8:-",
    "3000 n3 j:7:0,1 f:3.1:1:100:1",
    "3020 n3",
  );
  expect(violations).toEqual([
    {
      node: "n1",
      fromMs: 1_010,
      toMs: 1_045,
      jobs: [7],
      what: "functions use 5 cores, but jobs leave only 4",
    },
    {
      node: "n2",
      fromMs: 2_000,
      toMs: 2_007,
      jobs: [8],
      what: "functions use 900 MB, but jobs leave only 500 MB",
    },
    {
      node: "n3",
      fromMs: 3_000,
      toMs: 3_020,
      jobs: [7],
      what: "a function uses GPU 1, which a job has",
    },
  ]);
});

test("jobs alone are never a violation, and a job that Slurm does not know is reported", () => {
  const { violations, unknownJobs } = verdictOf(
    "1000 n1 j:7:- j:9:-",
    "1010 n1 j:7:- j:10:- f:1.1:4:100:-",
    "1020 n1",
  );
  expect(violations).toEqual([]);
  expect(unknownJobs).toEqual([10]);
});

test("what is left of a job whose resources Slurm has taken back keeps none, and is reported", () => {
  const lines = ["1000 n1 j:7:1 f:1.1:8:100:1", "1010 n1 j:7:1 f:1.1:8:100:1", "1020 n1"];
  const takenBackAt = (fromMs: number): ShareOf => {
    return (job, _node, atMs) => (atMs < fromMs ? given[job]! : "takenBack");
  };
  const watched = readWatch(lines.join("\n"));
  const early = judge(watched, whole, takenBackAt(1_000));
  expect(early).toMatchObject({ violations: [], outlivedJobs: [7] });
  const late = judge(watched, whole, takenBackAt(1_005));
  expect(late.violations).toMatchObject([{ fromMs: 1_000, toMs: 1_010 }]);
});

test("Slurm has taken back what a job had once it no longer lists the job as completing", async () => {
  let state = "RUNNING";
  const stdout = () =>
    `JobId=7 JobName=resize.1 JobState=${state} StartTime=2026-01-02T03:04:05   Nodes=n1 CPU_IDs=0-3 Mem=500 GRES=\n`;
  const book = new JobBook({
    run: async () => ({ stdout: stdout(), stderr: "", exitCode: 0 }),
  });
  const [beforeMs, afterMs] = [nowMs() - 60_000, nowMs() + 60_000];
  const held = { cores: 4, memoryMb: 500 };
  for (state of ["RUNNING", "COMPLETING"]) {
    await book.read();
    expect(book.shareOf(7, "n1", afterMs)).toEqual(held);
  }
  state = "CANCELLED";
  await book.read();
  expect(book.shareOf(7, "n1", beforeMs)).toEqual(held);
  expect(book.shareOf(7, "n1", afterMs)).toBe("takenBack");
});

test("of a job that Slurm lost, nothing is its own since Slurm last said so", async () => {
  let state = "RUNNING";
  const stdout = () =>
    `JobId=7 JobName=resize.1 JobState=${state} StartTime=2026-01-02T03:04:05   Nodes=n1 CPU_IDs=0-3 Mem=500 GRES=\n`;
  const run = async () => ({ stdout: stdout(), stderr: "", exitCode: 0 });
  const [patient, impatient] = [new JobBook({ run }), new JobBook({ run }, -1)];
  const lost = impatient.until("resize.1", "its end", () => false);
  await patient.read();
  const reading = impatient.readOn();
  await expect(lost).rejects.toThrow(/did not see its end in time \(7 RUNNING/);
  impatient.close();
  await reading;
  const betweenMs = nowMs();
  while (nowMs() === betweenMs) await new Promise((resolve) => setImmediate(resolve));
  state = "CANCELLED";
  for (const book of [patient, impatient]) await book.read();
  expect(patient.shareOf(7, "n1", betweenMs)).toEqual({ cores: 4, memoryMb: 500 });
  expect(impatient.shareOf(7, "n1", betweenMs)).toBe("takenBack");
});

test("the witness reports how often it looked and its longest gap", () => {
  const { samples, longestGapMs } = readWatch("- 60 17\n1000 n1\n- 118 41\n- 170 16\n");
  expect([samples, longestGapMs]).toEqual([170, 41]);
});

test("the verdict reads what a job was allocated on each node", () => {
  const record = readRecord(
    "JobId=2 JobName=twoNodes.5 UserId=root(0) JobState=COMPLETED Reason=None ExitCode=0:0 " +
      "StartTime=2026-01-02T03:04:05 NumNodes=3 TRES=cpu=5,mem=2500M,node=2 " +
      "JOB_GRES=(null)   Nodes=n1 CPU_IDs=0-2,7 Mem=2000 GRES=   Nodes=n[2-3] CPU_IDs=0 Mem=500 GRES= MinCPUsNode=1",
  )!;
  expect(record).toMatchObject({ job: 2, name: "twoNodes.5", state: "COMPLETED", exitCode: "0:0" });
  expect([...record.shares]).toEqual([
    ["n1", { cores: 4, memoryMb: 2_000 }],
    ["n2", { cores: 1, memoryMb: 500 }],
    ["n3", { cores: 1, memoryMb: 500 }],
  ]);
});
