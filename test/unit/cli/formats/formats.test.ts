// The formats of squeue and sacct: fields, widths, and what other programs read of them.

import { describe, expect, test } from "@jest/globals";
import { memoryText, readUnits } from "../../../../src/cli/formats/amounts.js";
import { exitOf, sacctColumns } from "../../../../src/cli/formats/sacct.js";
import { squeueFormat, squeueParts } from "../../../../src/cli/formats/squeue.js";
import { squeuePartsNamed } from "../../../../src/cli/formats/squeue-names.js";
import { plainTimes, timesOf } from "../../../../src/cli/formats/times.js";
import { bare, table } from "../../../../src/cli/output.js";
import { displayId } from "../../../../src/model/invocation.js";
import { invocation } from "../../../support/glean.js";

const nowMs = 1_700_000_100_000;
const startedAtMs = 1_700_000_000_000;
const running = invocation({
  state: "RUNNING",
  startedAtMs,
  timeLimitMs: 300_000,
  node: "n1" as never,
  name: "a-long-name",
});
const done = invocation({
  id: 50,
  arrayJobId: 48,
  arrayTaskId: 2,
  state: "COMPLETED",
  startedAtMs,
  endedAtMs: startedAtMs + 61_000,
  timeLimitMs: 300_000,
  wallMs: 61_000,
  exitCode: 0,
  attempt: 2,
});
const queue = (format: string, withHeader = false) =>
  squeueFormat(
    squeueParts(format),
    [running, done].map((first) => ({ first, id: displayId(first) })),
    plainTimes(nowMs),
    withHeader,
  );
const acct = (format: string) =>
  bare([running, done], sacctColumns(format, plainTimes(nowMs)), false)
    .trim()
    .split("\n");

describe("squeue -o", () => {
  test("prints fields as long as they are, and other text between them", () =>
    expect(queue("%i|%T|%j,%u 100%.")).toBe(
      "42|RUNNING|a-long-name,ada 100%.\n48_2|COMPLETED|job,ada 100%.\n",
    ));
  test("fills and cuts to a width, on the right after a point", () =>
    expect(queue("%.6i %4j|%.2t", true)).toBe(" JOBID NAME|ST\n    42 a-lo| R\n  48_2 job |CD\n"));
  test("tells times", () =>
    expect(queue("%M %l %L %F %K")).toBe("1:40 5:00 3:20 42 N/A\n1:01 5:00 3:59 48 2\n"));
  test("lets nodes and times go beyond their width, and no title of times, as squeue does", () =>
    expect(queue("%.3i|%.3l|%.3M|%.1N", true)).toBe(
      "JOB|TIM|TIM|NODELIST\n 42|5:00|1:40|n1\n48_|5:00|1:01| \n",
    ));
  test("tells why something ended, and where what succeeded ran", () => {
    const ends = [
      invocation({ state: "FAILED", exitCode: 3, node: "n1" as never }),
      invocation({ state: "FAILED", exitCode: 0, signal: 9 }),
      invocation({ state: "FAILED", wallMs: 0, maxRssMb: 0, reason: "/x cannot be opened" }),
      invocation({ state: "FAILED", wallMs: 0, maxRssMb: 30, reason: "ValueError: bad input" }),
      invocation({ state: "TIMEOUT" }),
      invocation({ state: "OUT_OF_MEMORY" }),
      invocation({ state: "COMPLETED", node: "n1" as never }),
      invocation({ state: "CANCELLED", node: "n2" as never }),
    ].map((first) => ({ first, id: "1" }));
    expect(squeueFormat(squeueParts("%R %r"), ends, plainTimes(nowMs), false).split("\n")).toEqual([
      "(NonZeroExitCode) NonZeroExitCode",
      "(NonZeroExitCode) NonZeroExitCode",
      "(JobLaunchFailure) JobLaunchFailure",
      "(ValueError) ValueError",
      "(TimeLimit) TimeLimit",
      "(OutOfMemory) OutOfMemory",
      "n1 None",
      "n2 None",
      "",
    ]);
    const codes = ["3:0", "0:9", "0:53", "1:0", "0:0", "0:0", "0:0", "0:0"];
    expect(ends.map(({ first }) => exitOf(first))).toEqual(codes);
  });
  test("prints all fields", () =>
    expect(queue("%all", true).split("\n")[0]).toMatch(/^JOBID\|JOBID\|ARRAY_JOB_ID\|.*\|WCKEY$/));
  test("refuses a letter that is no field", () =>
    expect(() => queue("%!%_")).toThrow(/^-o: "%_" is no field here: expected % with one of /));
});

describe("squeue -O", () => {
  const named = (format: string) =>
    squeueFormat(
      squeuePartsNamed(format),
      [{ first: done, id: displayId(done) }],
      plainTimes(nowMs),
      true,
    );
  test("prints fields by name with a width, and N/A for what Gleaner has not", () =>
    expect(named("JobArrayID:8,State:.10,Profile:8")).toBe(
      "JOBID        STATEPROFILE \n48_2     COMPLETEDNotSet  \n",
    ));
  test("refuses a name that is no field", () =>
    expect(() => named("JobIDs:8")).toThrow(/^-O: no field "JobIDs:8"; did you mean jobid\?$/));
});

describe("amounts of memory", () => {
  test.each([
    [4_096, undefined, false, "4G"],
    [1_000, undefined, false, "1000M"],
    [1_048_576, undefined, false, "1T"],
    [4_096, undefined, true, "4096M"],
    [1_000, "K", false, "1024000K"],
    [1_000, "g", false, "0.98G"],
    [2_048, "G", false, "2G"],
  ])("%d MB in %s is %s %s", (megabytes, unit, asGiven, text) =>
    expect(memoryText(megabytes, readUnits(unit, asGiven))).toBe(text),
  );
  test("an unknown unit is refused", () =>
    expect(() => readUnits("X", false)).toThrow(/^--units: invalid unit "X": expected KMGTP$/));
});

describe("sacct --format", () => {
  test("takes names in any case, as workflow managers give them", () =>
    expect(acct("jobid,STATE,ExitCode,elapsedraw,Restarts")).toEqual([
      "42|RUNNING|0:0|100|0",
      "48_2|COMPLETED|0:0|61|1",
    ]));
  test("tells what was requested", () =>
    expect(acct("ReqTRES,AllocCPUS,TimelimitRaw,MaxRSS,JobIDRaw")[1]).toMatch(
      /^billing=2,cpu=2,mem=\d+M,node=1\|2\|5\|\|50$/,
    ));
  test("tells what was measured", () => {
    const measured = { ...done, cpuMs: 61_234, maxRssMb: 2_048 };
    const columns = sacctColumns(
      "MaxRSS,TotalCPU,DerivedExitCode,Planned,SystemCPU",
      plainTimes(nowMs),
    );
    expect(bare([measured], columns, false)).toBe("2G|01:01.234|0:0|00:00:00|\n");
  });
  test("has widths", () =>
    expect(table([done], sacctColumns("State%4,JobName%-6,User", plainTimes(nowMs)), false)).toBe(
      "COMP  job     ada\n",
    ));
  test("takes the beginnings of names, as sacct does", () => {
    const titles = sacctColumns("jobid,elap,sta,stat,tresusageinmaxn", plainTimes(nowMs));
    expect(titles.map(({ title }) => title)).toEqual([
      ...["JobID", "Elapsed", "Start", "State", "TRESUsageInMaxNode"],
    ]);
  });
  test("refuses a name that is no field, with the nearest one", () =>
    expect(() => sacctColumns("JobID,Stale", plainTimes(nowMs))).toThrow(
      "--format: no field Stale; did you mean State?",
    ));
});

describe("SLURM_TIME_FORMAT", () => {
  const now = new Date(2026, 10, 30, 9, 5, 7).getTime();
  const shown = (format: string, ms: number | null) =>
    timesOf({ SLURM_TIME_FORMAT: format }, now, "squeue").text(ms);
  const later = (days: number) => new Date(2026, 10, 30 + days, 17, 4, 0).getTime();

  test.each([
    [-400, "26 Oct 2025"],
    [-2, "28 Nov 17:04"],
    [-1, "Ystday 17:04"],
    [0, "17:04:00"],
    [1, "Tomorr 17:04"],
    [6, "Sun 17:04"],
    [9, "9 Dec 17:04"],
    [40, "9 Jan 2027"],
  ])("relative, %d days away", (days, text) => {
    expect(shown("relative", later(days))).toBe(text);
  });
  test("is a format of strftime", () => {
    expect(shown("%s", now)).toBe(String(now / 1_000));
    expect(shown("%a %d.%m %-I:%M %p %j|%e|%%|%E", now)).toBe("Mon 30.11 9:05 AM 334|30|%|%E");
    expect(shown("%c", now)).toBe("Mon Nov 30 09:05:07 2026");
    expect(shown("%s", null)).toBe("Unknown");
  });
  test.each(["", "standard", "bogus", "%".repeat(32)])("prints ISO 8601 for %p", (format) =>
    expect(shown(format, now)).toBe("2026-11-30T09:05:07"),
  );
});
