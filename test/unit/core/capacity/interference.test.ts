// The interference guard: pressure files (made-up ones and this machine's), limits with patience in
// both directions, plans and sentences.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { findHoles } from "../../../../src/core/capacity/holes.js";
import { describePressure, InterferenceGuard } from "../../../../src/core/capacity/interference.js";
import { makePlan } from "../../../../src/core/capacity/plan.js";
import { describeReason } from "../../../../src/core/explain/waiting.js";
import { PressureReader, stalledUsOf } from "../../../../src/executor/node/pressure.js";
import type { PressureLimits, PressureReport } from "../../../../src/model/capacity/pressure.js";
import { jobId, nodeName } from "../../../../src/model/ids.js";
import { context, executor, policy, snapshot } from "../../../support/nouns.js";

const limits: PressureLimits = {
  jobCpuPercent: 50,
  jobMemoryPercent: 10,
  nodeCpuPercent: null,
  nodeMemoryPercent: 20,
  intervalMs: 1_000,
  jobGroups: ["/slurm/job_%j", "/slurm/%n/job_%j"],
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gleaner-pressure-"));
});
afterEach(() => rmSync(root, { recursive: true }));

describe("the reader", () => {
  const say = (file: string, stalledMs: number) => {
    const path = join(root, file);
    mkdirSync(join(path, ".."), { recursive: true });
    const line = (kind: string, total: number) =>
      `${kind} avg10=0.00 avg60=0.00 avg300=0.00 total=${total}\n`;
    writeFileSync(path, line("some", stalledMs * 1_000) + line("full", 7));
  };
  const reader = (change: Partial<PressureLimits> = {}) =>
    new PressureReader({ ...limits, ...change }, "n1", "/own", join(root, "proc"), root);
  const own = (change: Partial<PressureLimits>) =>
    new PressureReader({ ...limits, ...change }, "n1", join(root, "own"), join(root, "proc"), root);
  const jobs = [jobId(7), jobId(8)];

  test("reports the job that exceeds its limit most, by the waiting time since the last look", () => {
    const each = reader();
    say("slurm/job_7/cpu.pressure", 100);
    say("slurm/n1/job_8/cpu.pressure", 9_000);
    expect(each.round(jobs, 0)).toEqual([]);
    say("slurm/job_7/cpu.pressure", 700);
    say("slurm/n1/job_8/cpu.pressure", 9_900);
    const expected: PressureReport = {
      job: jobId(8),
      resource: "cpu",
      percent: 90,
      limitPercent: 50,
      intervalMs: 1_000,
    };
    expect(each.round(jobs, 1_000)).toEqual([expected]);
    expect(each.round(jobs, 2_000)).toEqual([]);
  });

  (process.getuid?.() === 0 ? test : test.skip)(
    "finds a job's group by its SLUID, as the slurmstepd in it calls itself; others' processes it does not believe",
    async () => {
      const named = (job: number, uid: number) =>
        spawn("sleep", ["1000"], { argv0: `slurmstepd: [${job}.batch]`, uid });
      const steps = [named(7, 0), named(8, 65_534)];
      const folders = ["s6ZXM8FKJDSW00", "s6ZXM8FKJDSW01"].map((sluid) => `scope/${sluid}`);
      try {
        await Promise.all(steps.map((step) => once(step, "spawn")));
        const each = reader({ jobGroups: ["/scope/%s"] });
        for (const [index, folder] of folders.entries()) {
          mkdirSync(join(root, folder, "step_batch/slurm"), { recursive: true });
          const procs = join(root, folder, "step_batch/slurm/cgroup.procs");
          writeFileSync(procs, `${steps[index]!.pid}\n`);
          say(`${folder}/cpu.pressure`, 0);
        }
        mkdirSync(join(root, "scope/system"));
        expect(each.round(jobs, 0)).toEqual([]);
        for (const folder of folders) say(`${folder}/cpu.pressure`, 800);
        expect(each.round(jobs, 1_000)).toMatchObject([{ job: 7, resource: "cpu", percent: 80 }]);
      } finally {
        for (const step of steps) step.kill("SIGKILL");
      }
    },
  );

  test("reads nothing without batch jobs, and does not report a limit that is reached but not exceeded", () => {
    const each = reader();
    say("slurm/job_7/memory.pressure", 0);
    say("proc/memory", 0);
    each.round(jobs, 0);
    say("slurm/job_7/memory.pressure", 100);
    expect(each.round(jobs, 1_000)).toEqual([]);
    say("proc/memory", 1_000);
    expect(each.round([], 2_000)).toEqual([]);
  });

  test("counts the node's waiting time without that of functions", () => {
    const each = own({});
    say("proc/memory", 0);
    say("own/memory.pressure", 0);
    each.round(jobs, 0);
    say("proc/memory", 500);
    say("own/memory.pressure", 450);
    expect(each.round(jobs, 1_000)).toEqual([]);
    say("proc/memory", 1_000);
    expect(each.round(jobs, 2_000)).toMatchObject([{ job: null, resource: "memory", percent: 50 }]);
  });

  test("reports nothing if the kernel has no readable pressure figures", () => {
    const each = reader({ nodeCpuPercent: 0 });
    expect(each.round(jobs, 0)).toEqual([]);
    mkdirSync(join(root, "proc"));
    for (const text of ["", "some avg10=x", "some total=", "full avg10=0.00 total=5\n"])
      for (const atMs of [1_000, 2_000]) {
        writeFileSync(join(root, "proc", "cpu"), text);
        expect(each.round(jobs, atMs)).toEqual([]);
      }
  });

  test("ignores figures from before a long sleep and counters that decreased", () => {
    const each = reader({ nodeCpuPercent: 10 });
    say("proc/cpu", 0);
    each.round(jobs, 0);
    say("proc/cpu", 60_000);
    expect(each.round(jobs, 60_000)).toEqual([]);
    say("proc/cpu", 5);
    expect(each.round(jobs, 61_000)).toEqual([]);
  });

  (existsSync("/proc/pressure/cpu") ? test : test.skip)("reads this machine's own", () => {
    expect(stalledUsOf(readFileSync("/proc/pressure/cpu", "latin1"))).toBeGreaterThan(0);
  });
});

describe("the guard", () => {
  const n1 = nodeName("n1");
  const report: PressureReport = {
    job: jobId(7),
    resource: "cpu",
    percent: 80,
    limitPercent: 50,
    intervalMs: 1_000,
  };
  const patience = { sustainedMs: 3_000, awayMs: 60_000, longestAwayMs: 200_000 };
  const guard = () => new InterferenceGuard(patience);

  test("acts on lasting pressure, but not on pressure that comes and goes", () => {
    const each = guard();
    expect([1, 2, 3].map((s) => each.heard(n1, report, s * 1_000))).toEqual([false, false, true]);
    expect(each.interference(n1, 3_000)?.untilMs).toBe(63_000);
    const other = guard();
    for (let s = 0; s < 100; s += 4)
      expect([0, 1].map((more) => other.heard(n1, report, (s + more) * 1_000))).toEqual([
        false,
        false,
      ]);
    expect(other.interference(n1, 100_000)).toBeNull();
  });

  test("avoids the node longer each time, up to a limit, and forgets once the jobs have left", () => {
    const each = guard();
    const away: number[] = [];
    let nowMs = 0;
    for (let time = 0; time < 5; time++) {
      while (!each.heard(n1, report, nowMs)) nowMs += 1_000;
      const { untilMs } = each.interference(n1, nowMs)!;
      away.push(untilMs - nowMs);
      expect(each.interference(n1, untilMs - 1)).not.toBeNull();
      expect(each.interference(n1, untilMs)).toBeNull();
      nowMs = untilMs + 10_000;
    }
    expect(away).toEqual([60_000, 120_000, 200_000, 200_000, 200_000]);
    while (!each.heard(n1, report, nowMs)) nowMs += 1_000;
    each.keepOnly(new Set([n1]));
    expect(each.interference(n1, nowMs)).not.toBeNull();
    each.keepOnly(new Set());
    expect(each.interference(n1, nowMs)).toBeNull();
  });

  test("never acts before the pressure has lasted, whatever the reports", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 10_000 }), { maxLength: 40 }), (gaps) => {
        const each = guard();
        let nowMs = 0;
        let firstMs: number | null = null;
        let lastMs = Number.NEGATIVE_INFINITY;
        for (const gap of gaps) {
          nowMs += gap;
          if (firstMs === null || nowMs - lastMs > 2_500) firstMs = nowMs - 1_000;
          lastMs = nowMs;
          const acted = each.heard(n1, report, nowMs);
          expect(acted).toBe(nowMs - firstMs >= 3_000);
          if (acted) return;
        }
      }),
    );
  });

  test("stops the executor on a node whose jobs suffer, and gives the reason", () => {
    const suffering = { detail: describePressure(report), untilMs: 130_000 };
    const view = context({ interference: (node) => (node === n1 ? suffering : null) });
    const { holes, unusable } = findHoles(snapshot(), policy, view);
    expect(holes).toEqual([]);
    expect(describeReason(unusable[0]!.reason)).toBe(
      "functions slowed down batch work: job 7 waited for a core 80 % of the time, more than the 50 % that interference.jobCpuPercent allows; the next try is in 30 s, or once its jobs have left",
    );
    const input = { snapshot: snapshot(), policy, context: view, maxStarts: 1 };
    expect(makePlan({ ...input, executors: [executor()] }).steps).toMatchObject([{ kind: "stop" }]);
    expect(makePlan({ ...input, executors: [] }).steps).toEqual([]);
  });
});
