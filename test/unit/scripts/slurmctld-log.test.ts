// When jobs were given their nodes and when they ended, from lines that real slurmctlds wrote.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { allocatedBefore, readJobRecords } from "../../../scripts/cluster/slurmctld-log.js";
import { startDelays } from "../../../scripts/demonstration/result.js";

const folder = mkdtempSync(join(tmpdir(), "slurmctld-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const day = "2026-11-27T22:15";
const at = (time: string) => new Date(`${day}:${time}`).getTime();
const records = (...lines: string[]) => {
  const file = join(folder, "slurmctld.log");
  writeFileSync(file, `${lines.map((line) => `[${day}:${line}`).join("\n")}\n`);
  return readJobRecords(file);
};

test("reads starts by the main scheduler, by backfill and by a request that is served at once", () => {
  const read = records(
    "05.100] sched: Allocate JobId=7 NodeList=n1 #CPUs=1 Partition=batch",
    "05.300] sched/backfill: _start_job: Started JobId=8 in batch on n2",
    "05.400] sched: _slurm_rpc_allocate_resources JobId=9 NodeList=n3 usec=188",
    "06.000] _job_complete: JobId=7 WEXITSTATUS 0",
    "06.001] _job_complete: JobId=7 done",
  );
  expect([...read]).toEqual([
    [7, { allocatedAtMs: [at("05.100")], endedAtMs: at("06.001") }],
    [8, { allocatedAtMs: [at("05.300")], endedAtMs: null }],
    [9, { allocatedAtMs: [at("05.400")], endedAtMs: null }],
  ]);
});

test("a request that has to wait is not a start", () => {
  const read = records(
    "05.100] sched: _slurm_rpc_allocate_resources JobId=7 NodeList=(null) usec=188",
    "06.918] sched/backfill: _start_job: Started JobId=7 in batch on n1",
  );
  expect(read.get(7)!.allocatedAtMs).toEqual([at("06.918")]);
});

test("tasks of arrays and components of heterogeneous jobs count by their own ids", () => {
  const read = records(
    "05.100] sched/backfill: _start_job: Started JobId=3+0(3) in batch on n1",
    "05.200] sched/backfill: _start_job: Started JobId=3+1(4) in batch on n2",
    "05.300] sched: Allocate JobId=10_1(11) NodeList=n1 #CPUs=1 Partition=batch",
    "06.122] _job_complete: JobId=3+1(4) done",
  );
  expect([...read.keys()]).toEqual([3, 4, 11]);
  expect(read.get(4)!.endedAtMs).toBe(at("06.122"));
});

test("a requeued job has an allocation for each start, and each process belongs to the one before it", () => {
  const read = records(
    "05.100] sched: Allocate JobId=7 NodeList=n1 #CPUs=1 Partition=batch",
    "06.000] _job_complete: JobId=7 done",
    "07.500] sched/backfill: _start_job: Started JobId=7 in batch on n2",
  );
  expect(read.get(7)).toEqual({ allocatedAtMs: [at("05.100"), at("07.500")], endedAtMs: null });
  expect(allocatedBefore(read.get(7), at("05.200"))).toBe(at("05.100"));
  expect(allocatedBefore(read.get(7), at("07.600"))).toBe(at("07.500"));
  expect(allocatedBefore(read.get(7), at("05.000"))).toBeNull();
  expect(allocatedBefore(read.get(8), at("07.600"))).toBeNull();
});

test("the demo lists the jobs whose starts it could not measure", () => {
  const read = records("05.100] sched: Allocate JobId=7 NodeList=n1 #CPUs=1 Partition=batch");
  const seen = { node: "n1", functionCores: 0, jobCores: 1, nodeCores: 4 };
  const sightings = [
    { ...seen, job: 7, atMs: at("05.160") },
    { ...seen, job: 8, atMs: at("05.200") },
  ];
  expect(startDelays(sightings, read)).toEqual({ delaysMs: [60], unmeasuredJobs: [8] });
});
