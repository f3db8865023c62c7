// Dumps of sacct as sites make them: jobs from before the window, running ones, parts put together,
// odd rows, clock changes, other separators.

import { describe, expect, test } from "@jest/globals";
import type { MachineWish } from "../../../../src/sim/inputs/jobs/logged-job.js";
import { readSacct } from "../../../../src/sim/inputs/jobs/sacct.js";
import { readMachines } from "../../../../src/sim/inputs/machines.js";
import { type WindowWish, wholeLog } from "../../../../src/sim/inputs/window.js";
import type { Trace } from "../../../../src/sim/site/trace.js";

const header = "JobID|Start|End|AllocCPUS|NodeList";
const machines = await readMachines(
  ["a", "b"].map((node) => `NodeName=${node} CPUTot=16 RealMemory=64000`),
  1_000,
);
const wish: MachineWish = { ...machines, memoryPerCoreMb: 1_000 };

const read = (lines: readonly string[], window: WindowWish = wholeLog) =>
  readSacct(lines, wish, null, window);

/** Core-hours of all nodes that no job has. */
function idleCoreHours({ nodes, changes, fromMs, toMs }: Trace): number {
  let coreMs = nodes.reduce((sum, { cores }) => sum + cores * (toMs - fromMs), 0);
  for (let index = 0; index < changes.length; index++)
    coreMs -= changes.cores(index) * Math.max(0, toMs - changes.atMs(index));
  return coreMs / 3_600_000;
}

describe("a dump that sacct cut from a longer log", () => {
  const day = [
    header,
    "1|2025-12-02T00:00:00|2026-01-01T12:00:00|16|a",
    "2|2026-01-01T00:00:00|2026-01-01T23:00:00|16|b",
    "4|2026-01-01T12:00:00|2026-01-01T23:00:00|16|a",
    "3|2026-01-01T23:00:00|2026-01-02T23:00:00|16|b",
  ];

  test("begins where it knows all jobs, not at the start of a job that ran already", async () => {
    const trace = await read(day);
    expect(idleCoreHours(trace)).toBe(0);
    expect(trace.notes.remarks).toContainEqual(
      expect.stringMatching(
        /begin in the middle of running jobs \(the first start is 2025-12-02T00:00:00Z, but no job ends before 2026-01-01T12:00:00Z\)/,
      ),
    );
  });

  test("is cut to the window that the user gives", async () => {
    const window = { fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 0, 1, 22) };
    const trace = await read(day, window);
    expect(trace).toMatchObject({ ...window, jobs: 3 });
    expect(idleCoreHours(trace)).toBe(0);
    // As long as jobs usually are apart, the end of a dump has none that started.
    const whole = await read(day, { ...window, toMs: Date.UTC(2026, 0, 2) });
    expect(idleCoreHours(whole)).toBe(16);
    expect(whole.notes.remarks.join()).not.toContain("longer than the records");
    const longer = await read(day, { ...window, toMs: Date.UTC(2026, 0, 3) });
    expect(idleCoreHours(longer)).toBe(16 * 26);
    expect(longer.notes.remarks).toContainEqual(
      expect.stringMatching(/^the window is longer than the records/),
    );
    const none = { fromMs: Date.UTC(2027, 0, 1), toMs: Date.UTC(2027, 0, 2) };
    await expect(read(day, none)).rejects.toThrow(/no job ran between 2027-01-01T00:00:00Z and/);
    const after = { fromMs: Date.UTC(2027, 0, 1), toMs: null };
    await expect(read(day, after)).rejects.toThrow(/the window from .* is empty/);
  });

  test("keeps its first start if jobs end at their usual rate from there on", async () => {
    const hours = (from: number, to: number) =>
      `2026-01-01T${String(from).padStart(2, "0")}:00:00|2026-01-01T${String(to).padStart(2, "0")}:00:00`;
    const trace = await read([
      header,
      `1|${hours(0, 3)}|16|a`,
      `2|${hours(1, 5)}|16|b`,
      `3|${hours(7, 9)}|16|a`,
      `4|${hours(10, 11)}|16|a`,
    ]);
    expect(trace.fromMs).toBe(Date.UTC(2026, 0, 1));
    expect(trace.toMs).toBe(Date.UTC(2026, 0, 1, 10));
  });

  test("keeps its first start if a whole log begins on an empty machine", async () => {
    const at = (minutes: number) =>
      new Date(Date.UTC(2026, 0, 1, 0, minutes)).toISOString().slice(0, 19);
    // One core a minute from the first minute on, each for 16 minutes.
    const jobs = Array.from(
      { length: 300 },
      (_, minute) => `${minute + 1}|${at(minute)}|${at(minute + 16)}|1|a`,
    );
    const trace = await read([header, ...jobs]);
    expect(trace.fromMs).toBe(Date.UTC(2026, 0, 1));
  });

  test("has a running job until its end", async () => {
    const lines = [
      header,
      "1|2026-01-01T00:00:00|2026-01-01T01:00:00|16|a",
      "2|2026-01-01T01:00:00|Unknown|16|a",
      ...Array.from(
        { length: 47 },
        (_, hour) =>
          `${hour + 3}|${new Date(Date.UTC(2026, 0, 1, hour)).toISOString().slice(0, 19)}|${new Date(Date.UTC(2026, 0, 1, hour + 1)).toISOString().slice(0, 19)}|16|b`,
      ),
    ];
    const trace = await read(lines);
    expect(idleCoreHours(trace)).toBe(0);
    expect(trace.notes).toMatchObject({ skipped: {} });
    expect(trace.notes.remarks).toContain(
      "1 job had no end yet: taken as running until the end of the window",
    );
  });

  test("warns when cores fill up at its beginning", async () => {
    const rising = Array.from({ length: 20 }, (_, hour) =>
      ["a", "b"].map((node) => {
        const cores = hour === 0 ? 2 : 16;
        const at = (hours: number) =>
          new Date(Date.UTC(2026, 0, 1, hours)).toISOString().slice(0, 19);
        return `${node}${hour}|${at(hour)}|${at(hour + 1)}|${cores}|${node}`;
      }),
    ).flat();
    const { notes } = await read([header, ...rising, "z|2026-01-01T20:00:00|Unknown|1|a"]);
    expect(notes.remarks).toContainEqual(
      expect.stringMatching(/^only 13 % of the cores are occupied in the first twentieth/),
    );
    expect(notes.remarks).not.toContainEqual(expect.stringMatching(/in the last twentieth/));
  });
});

describe("rows of a dump", () => {
  const job = "1|2026-01-01T00:00:00|2026-01-01T01:00:00|16|a";
  const last = "9|2026-01-01T02:00:00|2026-01-01T03:00:00|16|a";

  test("of jobs that are larger than their nodes, or had others besides, leave nothing idle", async () => {
    const trace = await read([
      header,
      "1|2026-01-01T00:00:00|2026-01-01T01:00:00|99|a",
      "2|2026-01-01T00:00:00|2026-01-01T01:00:00|48|b,x,y",
      last,
    ]);
    const { changes, nodes } = trace;
    const held = Array.from({ length: 2 }, (_, index) => [
      nodes[changes.node(index)]!.name,
      changes.cores(index),
    ]);
    expect(held).toEqual([
      ["a", 99],
      ["b", 16],
    ]);
    expect(trace.notes.skipped).toEqual({});
    expect(trace.notes.remarks.join()).toMatch(
      /1 job also ran on nodes that the machine does not have.*1 job began on 1 node with more cores/,
    );
  });

  test("that are odd are skipped, and the first of each kind is named", async () => {
    const { notes } = await read([
      `${header}|JobName|State`,
      `${job}|fine|COMPLETED`,
      "2|2026-01-01T00:00:00|2026-01-01T01:00:00|1|a|a|b|COMPLETED",
      "3|2026-01-01T00:00:00|2026-01-01T01:00:00|1|a|one",
      "two|COMPLETED",
      "4|7|2026-01-01T01:00:00|1|a|x|COMPLETED",
      "5|2026-01-01T00:00:00|12|1|a|x|COMPLETED",
      "6|1999-01-01T00:00:00|2026-01-01T01:00:00|1|a|x|COMPLETED",
      "7|2010-01-01T00:00:00|2026-01-01T01:00:00|1|a|x|COMPLETED",
      "8|2026-01-01T00:00:00|2026-01-01T01:00:00|1|c|x|COMPLETED",
      `${last}|x|COMPLETED`,
    ]);
    expect(notes.skipped).toEqual({
      "too many fields: a field has the separator |": 1,
      "too few fields: a field has a line break, or the line is cut off": 2,
      "a start that is not a time": 2,
      "an end that is not a time": 1,
      "a start more than five years from the others": 1,
      "no node that the machine has": 1,
    });
    expect(notes.firstSkipped).toMatchObject({
      "too many fields: a field has the separator |": "line 3",
      "too few fields: a field has a line break, or the line is cut off": "line 4",
      "a start that is not a time": "line 6, column Start",
      "an end that is not a time": "line 7, column End",
      "a start more than five years from the others": "line 9",
    });
  });

  test("may have the separator in a job's name if it is the last column", async () => {
    const { jobs, notes } = await read([`${header}|JobName`, `${job}|a|b`, `${last}|c`]);
    expect({ jobs, skipped: notes.skipped }).toEqual({ jobs: 1, skipped: {} });
  });

  test("are named with their reasons when nothing is left", async () => {
    await expect(read([header, "1|x|2026-01-01T01:00:00|1|a"])).rejects.toThrow(
      /no usable record \(skipped 1 record: a start that is not a time \(line 2, column Start\)\)/,
    );
  });

  test("of steps are known by JobIDRaw alone", async () => {
    const raw = header.replace("JobID", "JobIDRaw");
    const trace = await read([raw, job, job.replace("1|", "1.batch|"), last]);
    expect(trace.jobs).toBe(1);
    expect(idleCoreHours(trace)).toBe(16 + 32);
  });

  test("of a job in two dumps put together count once", async () => {
    const running = job.replace("2026-01-01T01:00:00", "Unknown");
    const trace = await read([header, running, header, job, last]);
    expect(idleCoreHours(trace)).toBe(16 + 32);
    expect(trace.notes.remarks).toContain("1 job listed again with the same start: counted once");
  });

  test("of jobs while the clock changes take their length from Elapsed", async () => {
    const local = [
      "JobID|Start|End|ElapsedRaw|AllocCPUS|NodeList",
      "1|2026-10-25T02:30:00|2026-10-25T02:10:00|2400|16|a",
      "2|2026-10-25T01:00:00|2026-10-25T03:00:00|10800|16|b",
      "3|2026-10-25T06:00:00|2026-10-25T07:00:00|3600|16|a",
    ];
    const trace = await read(local);
    expect(trace.notes.skipped).toEqual({});
    // From 1:00 to 6:00: b runs for 3 of 5 hours, a for 40 minutes.
    expect(idleCoreHours(trace)).toBeCloseTo(16 * (2 + 5 - 40 / 60));
    expect(trace.notes.remarks).toContainEqual(
      expect.stringMatching(/^2 jobs ran while the clock changed/),
    );
  });

  test("of suspended jobs keep their end, and a note says so", async () => {
    const trace = await read([
      "JobID|Start|End|ElapsedRaw|AllocCPUS|NodeList",
      "1|2026-01-01T00:00:00|2026-01-01T02:00:00|3600|16|a",
      "9|2026-01-01T02:00:00|2026-01-01T03:00:00|3600|16|a",
    ]);
    expect(idleCoreHours(trace)).toBe(32);
    expect(trace.notes.remarks).toContainEqual(
      expect.stringMatching(
        /^1 job ran for a shorter time than from start to end: while a job was/,
      ),
    );
  });

  test("of two clusters are told apart, and a note says so", async () => {
    const { jobs, notes } = await read([
      `Cluster|${header}`,
      `c|${job}`,
      `d|${job.replace("|a", "|b")}`,
      `c|${last}`,
    ]);
    expect(jobs).toBe(2);
    expect(notes.remarks).toContainEqual(expect.stringMatching(/^the dump has jobs of 2 clusters/));
  });

  test("on nodes of which the machines have none are refused, with both names", async () => {
    await expect(read([header, job.replace("|a", "|a.example.org"), last])).resolves.toBeDefined();
    await expect(read([header, job.replace("|a", "|a.example.org")])).rejects.toThrow(
      /no job ran on a node of the machines: jobs have names such as "a.example.org", the machines such as "a"/,
    );
  });

  test("on more cores than their node has are counted", async () => {
    const { notes } = await read([header, job, job.replace("1|", "2|"), last]);
    expect(notes.remarks).toContainEqual(
      expect.stringMatching(
        /^1 job began on 1 node with more cores in use than the node has \(first on a at 2026-01-01T00:00:00Z; 16.0 core-hours too many\)/,
      ),
    );
  });

  test("on nodes of different size fill the small ones and leave the rest to the others", async () => {
    const mixed = {
      named: machines.named!.map((node, at) => ({ ...node, cores: at === 0 ? 4 : 16 })),
    };
    const trace = await readSacct(
      [header, job.replace("16|a", "20|a,b"), last.replace("16|", "4|")],
      { ...wish, ...mixed },
      null,
      wholeLog,
    );
    expect(trace.notes.skipped).toEqual({});
    expect(idleCoreHours(trace)).toBe(20);
  });

  test.each([";", "^", "\t", "||"])(
    "may be separated by %j, as the header is",
    async (separator) => {
      const lines = [header, job, last, header, last.replace("9|", "10|")];
      const trace = await read(lines.map((line) => line.replaceAll("|", separator)));
      expect([trace.jobs, trace.notes.skipped]).toEqual([1, {}]);
      expect(idleCoreHours(trace)).toBe(16 + 32);
    },
  );

  test("follow the header, whatever columns the user names", async () => {
    const trace = await readSacct(
      [header, job, "two|start|end", last],
      wish,
      ["End", "Start", "NCPUS"],
      wholeLog,
    );
    expect(trace.jobs).toBe(1);
    expect(trace.notes.firstSkipped).toEqual({
      "too few fields: a field has a line break, or the line is cut off": "line 3",
    });
    await expect(read(["JobID|State", "1|x"])).rejects.toThrow(
      /the dump lacks Start, End, AllocCPUS/,
    );
  });

  test.each([
    [
      "fixed width",
      "       JobID               Start                 End  AllocCPUS \n------------ ------------------- ",
    ],
    ["commas", "JobID,Start,End,AllocCPUS,NodeList"],
    ["fixed width without a header", "1 2026-01-01T00:00:00 2026-01-01T01:00:00 16 a"],
  ])("in %s are refused, and -P is named", async (_name, text) => {
    await expect(read(text.split("\n"))).rejects.toThrow(/run sacct with -P/);
  });
});
