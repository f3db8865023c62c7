// The traces that a replay reads: valid records are read, invalid ones are counted by reason, and
// every error is a sentence.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { GleanerError } from "../../../src/model/errors.js";
import { readHoleLog } from "../../../src/sim/inputs/holes.js";
import { readInvocations } from "../../../src/sim/inputs/invocations.js";
import { readSacct } from "../../../src/sim/inputs/jobs/sacct.js";
import { readSwf } from "../../../src/sim/inputs/jobs/swf.js";
import { linesOf } from "../../../src/sim/inputs/lines.js";
import { readMachines } from "../../../src/sim/inputs/machines.js";
import { wholeLog } from "../../../src/sim/inputs/window.js";
import type { Trace } from "../../../src/sim/site/trace.js";

const shape = { cores: 24, memoryMb: 96_000 };
const wish = { groups: null, memoryPerCoreMb: 1_000 };
const machines = [
  { name: "big", nodes: 2, cores: 8, memoryMb: 8_192 },
  { name: "small", nodes: 3, cores: 2, memoryMb: 4_096 },
];

const changesOf = ({ changes, nodes, fromMs }: Trace) =>
  Array.from({ length: changes.length }, (_, index) => [
    (changes.atMs(index) - fromMs) / 1_000,
    nodes[changes.node(index)]!.name,
    changes.cores(index),
  ]);

describe("a hole log", () => {
  test("leaves a node full outside its holes, and joins adjacent holes", async () => {
    const trace = await readHoleLog(
      ["node,start,end", "b,100,110", "a,100,120", "a,120,130", "a,140,150"],
      shape,
    );
    expect(trace).toMatchObject({ fromMs: 100_000, toMs: 150_000, notes: { skipped: {} } });
    expect(changesOf(trace)).toEqual([
      [10, "b", 24],
      [30, "a", 24],
      [40, "a", -24],
      [50, "b", -24],
    ]);
  });

  test("is refused if it spans more than ten years", async () => {
    await expect(readHoleLog(["a,1,2", "a,4000000000,4000000009"], shape)).rejects.toThrow(
      /lasts from 1970-01-01 to 2096-\d\d-\d\d, more than 10 years/,
    );
  });

  test("counts invalid lines", async () => {
    const trace = await readHoleLog(
      ["a,1,2", "a,5,4", "a,x,9", "a,1", ",1,2", "a,-5,9", "", "a,7,7"],
      shape,
    );
    expect(trace.notes.skipped).toEqual({
      "ends before it starts": 2,
      "a time that is neither a number nor a date": 2,
      "not node,start,end": 2,
    });
  });
});

describe("SWF", () => {
  const job = (submit: number, wait: number, run: number, cores: number, memory = -1) =>
    `1 ${submit} ${wait} ${run} ${cores} -1 -1 ${cores} -1 ${memory} 1 1 1 1 1 1 -1 -1`;

  test("with node lists gives each node the smallest kind that holds its jobs", async () => {
    const lines = [
      `${job(0, 5, 10, 3)} {7,7,9} q 1:ppn=2`,
      `${job(20, 0, 10, 5, 1_048_576)} {7,7,7,7,7} q`,
      `${job(30, 0, 10, 1)} {9} q`,
    ];
    const trace = await readSwf(lines, { ...wish, groups: machines });
    expect(trace.nodes).toEqual([
      { name: "7", cores: 8, memoryMb: 8_192 },
      { name: "9", cores: 2, memoryMb: 4_096 },
    ]);
    expect(changesOf(trace).slice(0, 4)).toEqual([
      [0, "7", 2],
      [0, "9", 1],
      [10, "7", -2],
      [10, "9", -1],
    ]);
    expect(trace.changes.memoryMb(0)).toBe(2_048);
    expect(trace.changes.memoryMb(4)).toBe(1);
    expect(trace.notes.remarks).toEqual([
      "3 machines are not used by any job and are omitted",
      "the memory of 2 jobs is unknown: taken as the same part of a node as of its cores",
    ]);
    expect(trace.toMs - trace.fromMs).toBe(25_000);
  });

  test("without node lists fills the header's nodes one after the other", async () => {
    const header = ["; UnixStartTime: 1000", "; MaxNodes: 2", "; MaxProcs: 5", ";"];
    const trace = await readSwf(
      [...header, job(0, 0, 50, 2), job(1, 0, 50, 3), job(2, 1, 5, 1)],
      wish,
    );
    expect(trace.fromMs).toBe(1_000_000);
    expect(trace.nodes.map(({ name, cores }) => [name, cores])).toEqual([
      ["wide1", 3],
      ["node1", 2],
    ]);
    expect(changesOf(trace).slice(0, 2)).toEqual([
      [0, "node1", 2],
      [1, "wide1", 3],
    ]);
    expect(trace.notes.skipped).toEqual({ "more processors than were free at its start": 1 });
  });

  test("counts invalid records", async () => {
    const lines = [
      job(0, 0, 5, 1),
      job(1, 0, -9, 1),
      job(-1, 1, 9, 1),
      job(1, 0, 9, -1),
      job(1, 0, 9, 500),
      "1 2 3",
      "what is this line that has more than eleven words in it and no numbers",
      job(1, 0, 99_999_999_999, 1),
      job(2, 0, 0, 1),
    ];
    const trace = await readSwf(lines, { ...wish, groups: machines });
    expect(trace.notes.skipped).toEqual({
      "negative run time": 1,
      "missing start": 1,
      "no processors": 1,
      "more processors than the machine has": 1,
      "not 18 numbers": 2,
      "a time after the year 2200": 1,
    });
  });

  test("counts invalid node lists, and missing ones if other records have one", async () => {
    const lines = [
      `${job(0, 0, 5, 1)} {a} q`,
      `${job(1, 0, 5, 1)} {a`,
      `${job(1, 0, 5, 1)} {} q`,
      job(1, 0, 5, 1),
    ];
    const { notes } = await readSwf(lines, wish);
    expect(notes.skipped).toEqual({
      "a node list without an end": 1,
      "an invalid node list": 1,
      "no node list": 1,
    });
  });

  test("says when the nodes cannot be known", async () => {
    await expect(readSwf([job(0, 0, 5, 1)], wish)).rejects.toThrow(
      /--machines FILE, or with --nodes/,
    );
  });
});

describe("a dump of sacct", () => {
  const header = "JobID|Start|End|AllocCPUS|AllocTRES|NodeList";

  test("with a header skips steps, spreads cores evenly and takes memory from TRES", async () => {
    const trace = await readSacct(
      [
        header,
        "1|2026-01-01T00:00:00|2026-01-01T00:01:00|5|cpu=5,mem=10G,node=2|n[1-2]",
        "1.batch|2026-01-01T00:00:00|2026-01-01T00:01:00|3||n1",
        "2|2026-01-01T00:00:30|then|1||n1",
        "3|2026-01-01T00:00:30|2026-01-01T00:00:10|1||n1",
        "4|None|2026-01-01T00:00:10|1||None assigned",
        "5|2026-01-01T00:00:40|2026-01-01T00:00:50|x||n1",
        "6|soon|2026-01-01T00:00:50|1||n1",
        "7|2026-01-01T00:00:40|2026-01-01T00:00:50|1||n[1",
        "8|2026-01-01T00:00:40",
        "9|2026-01-01T00:00:45|2026-01-01T00:00:50|1||n2",
      ],
      wish,
      null,
      wholeLog,
    );
    expect(changesOf(trace).slice(0, 3)).toEqual([
      [0, "n1", 3],
      [0, "n2", 2],
      [45, "n2", 1],
    ]);
    expect(trace.changes.memoryMb(1)).toBe(3_000); // more than the node has is all it has
    expect(trace.notes.skipped).toEqual({
      "an end that is not a time": 1,
      "negative run time": 1,
      "no processors": 1,
      "a start that is not a time": 1,
      "an invalid node list": 1,
      "too few fields: a field has a line break, or the line is cut off": 1,
    });
    expect(trace.notes.remarks[0]).toBe("1 job never started");
  });

  test("without a header uses the given names, or XDMoD's order", async () => {
    const plain = ["1700000100|1700000200|2|n1"];
    const trace = await readSacct(plain, wish, ["start", "end", "ncpus", "nodelist"], wholeLog);
    expect(trace).toMatchObject({ fromMs: 1_700_000_100_000, toMs: 1_700_000_200_000, jobs: 1 });
    const xdmod = `1|1|c|p|q|a|g|1|u|1|5|5|1700000100|1700000200|x|0:0|COMPLETED|1|2|2|1M|cpu=2|cpu=2,mem=1M|1|n1|job`;
    expect(await readSacct([xdmod], wish, null, wholeLog)).toMatchObject({
      fromMs: 1_700_000_100_000,
      toMs: 1_700_000_200_000,
    });
  });

  test("names the fields that are missing", async () => {
    await expect(readSacct(["JobID|Start|NodeList"], wish, null, wholeLog)).rejects.toThrow(
      /lacks End, AllocCPUS: Start, End and one of .* are required/,
    );
    await expect(readSacct(["1|2|3"], wish, null, wholeLog)).rejects.toThrow(
      /no header and 3 fields/,
    );
  });
});

describe("a trace of invocations", () => {
  test("is in the order of starts from 0, and its invalid lines are counted", async () => {
    const { calls, skipped } = await readInvocations([
      "app,func,end_timestamp,duration",
      "a,f,10.5,0.5",
      "a,g,5,4.0000001",
      "a,g,3,0",
      "a,g,3,-1",
      "a,g,x,1",
      "a,g,3",
    ]);
    expect(calls).toEqual([
      { functionName: "a/g", user: "a", startMs: 0, durationMs: 4_000 },
      { functionName: "a/g", user: "a", startMs: 2_000, durationMs: 1 },
      { functionName: "a/f", user: "a", startMs: 9_000, durationMs: 500 },
    ]);
    expect(skipped).toEqual({ "negative duration": 1, "a time that is not a number": 2 });
  });

  test("names missing columns", async () => {
    await expect(readInvocations(["app,func"])).rejects.toThrow(/lacks end_timestamp, duration/);
  });
});

describe("machines", () => {
  test("are read, and an invalid line is named", async () => {
    expect(await readMachines(["0\tbig\t20\t80\t1\t1048576", "", "; a comment"], 1_000)).toEqual({
      groups: [{ name: "big", nodes: 20, cores: 80, memoryMb: 1_024 }],
      named: null,
      guessedMemory: 0,
    });
    await expect(readMachines(["0 big 20 80 1 1024", "1 small x 2 1 1"], 1_000)).rejects.toThrow(
      /line 2 /,
    );
    await expect(readMachines([], 1_000)).rejects.toThrow(/empty/);
  });
});

describe("arbitrary input", () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.integer({ min: -10, max: 10_000_000 }).map(String),
    fc.constantFrom(
      "n[1-3]",
      "{1,1,2}",
      "NaN",
      "1e99",
      "2026-01-01T00:00:00",
      "; MaxNodes: 3",
      "cpu=2",
    ),
  );
  const anyLines = fc
    .tuple(
      fc.constantFrom(",", "|", " "),
      fc.array(fc.array(piece, { maxLength: 28 }), { maxLength: 20 }),
    )
    .map(([glue, lines]) => lines.map((line) => line.join(glue)));

  test.each([
    ["a hole log", (lines: string[]) => readHoleLog(lines, shape)],
    ["SWF", (lines: string[]) => readSwf(lines, { ...wish, groups: machines })],
    ["SWF without machines", (lines: string[]) => readSwf(lines, wish)],
    [
      "sacct",
      (lines: string[]) =>
        readSacct(lines, wish, ["jobid", "start", "end", "ncpus", "nodelist"], wholeLog),
    ],
    [
      "sacct's header",
      (lines: string[]) =>
        readSacct(
          ["JobID|Start|End|NCPUS|AllocTRES", ...lines],
          { ...wish, groups: machines },
          null,
          wholeLog,
        ),
    ],
    [
      "invocations",
      (lines: string[]) => readInvocations(["app,func,end_timestamp,duration", ...lines]),
    ],
    ["machines", (lines: string[]) => readMachines(lines, 1_000)],
  ])("in %s is read, or refused in one sentence", async (_name, read) => {
    await fc.assert(
      fc.asyncProperty(anyLines, async (lines) => {
        try {
          await read(lines);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(GleanerError);
          expect(["BAD_REQUEST", "LIMIT_REACHED"]).toContain((thrown as GleanerError).code);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("the lines of a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "glean-sim-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, data: string | Buffer) => {
    const file = join(folder, name);
    writeFileSync(file, data);
    return file;
  };
  const all = async (file: string) => {
    const lines: string[] = [];
    for await (const line of linesOf(file)) lines.push(line);
    return lines;
  };

  test("come from a pipe, gzipped or not", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const content of ["a\nb\n", gzipSync("a\nb\n")]) {
      const [lines] = await Promise.all([all(pipe), writeFile(pipe, content)]);
      expect(lines).toEqual(["a", "b"]);
    }
  });

  test("come with the number of bytes that were read", async () => {
    const file = write("long", "a line of words\n".repeat(50_000));
    const read: number[] = [];
    for await (const _ of linesOf(file, (bytes) => read.push(bytes)));
    expect(read.at(-1)).toBe(800_000);
    expect(read.length).toBeGreaterThan(2);
  });

  test("come from plain and gzipped files", async () => {
    expect(await all(write("plain", "a\r\nb"))).toEqual(["a", "b"]);
    expect(await all(write("zipped", gzipSync("a\nb\n")))).toEqual(["a", "b"]);
    expect(await all(write("empty", ""))).toEqual([]);
  });

  test("come from UTF-16, as Windows writes it, without the mark at the beginning", async () => {
    const text = "\ufeffgröße\r\nb\r\n";
    const little = Buffer.from(text, "utf16le");
    for (const bytes of [little, Buffer.from(little).swap16(), gzipSync(little), Buffer.from(text)])
      expect(await all(write("wide", bytes))).toEqual(["größe", "b"]);
  });

  test.each([
    ["bunzip2", "BZh91AY"],
    ["unxz", "\xfd7zXZ\0"],
  ])("are refused if %s must decompress them", async (program, start) => {
    await expect(all(write("other", Buffer.from(start, "latin1")))).rejects.toThrow(
      new RegExp(`decompress it with ${program}`),
    );
  });

  test("lead to one sentence if there is no file", async () => {
    await expect(all(join(folder, "missing"))).rejects.toThrow(/cannot read .*missing .*ENOENT/);
    await expect(all(folder)).rejects.toThrow(/cannot read/);
    const cut = gzipSync("a line\n".repeat(9_999)).subarray(0, 60);
    await expect(all(write("cut", cut))).rejects.toThrow(/cannot read .*cut/);
  });
});
