// What `scripts/bench coverage` makes of a trace and of records: the stretch and the figures.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "@jest/globals";
import { writeSwf } from "../../../../scripts/benchmarks/coverage/export.js";
import { figuresOf } from "../../../../scripts/benchmarks/coverage/figures.js";
import { readStretch } from "../../../../scripts/benchmarks/coverage/stretch.js";
import { readSwf } from "../../../../src/sim/inputs/jobs/swf.js";
import { evenGroups } from "../../../../src/sim/inputs/machines.js";

const folder = mkdtempSync(join(tmpdir(), "bench-coverage-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = (name: string, content: string | Buffer): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};

/** One job: begin and length in seconds, and the node of each of its cores. */
const line = (beginS: number, lastsS: number, nodes: readonly string[]): string =>
  `1 ${beginS} 0 ${lastsS} ${nodes.length} 1 1 1 1 1 1 1 1 1 1 -1 1 1 {${nodes.join(",")}} queue`;

const shape = {
  nodes: 2,
  coresPerNode: 2,
  tracedCoresPerNode: 4,
  fromHour: 1,
  hours: 1,
  lengthMs: 36_000,
};

test("a stretch is compressed, cut at its edges, and limited to the busiest nodes that are not too large", () => {
  const trace = [
    line(1_000, 1, ["x"]), // the trace begins here, the stretch an hour later
    line(4_500, 200, ["a", "a", "a", "a"]), // runs already: 100 s of it are left
    line(5_600, 1_000, ["a", "b", "b"]),
    line(5_600, 10, ["b"]), // shorter than Slurm can do
    line(5_700, 900, ["c"]), // less used than the others
    line(5_700, 3_000, ["d", "d", "d", "d", "d"]), // a node with more cores
    line(9_000, 100, ["a"]), // after the stretch
    line(5_000, -1, ["a"]),
  ];
  const file = written("trace.swf.gz", gzipSync(trace.join("\n")));
  expect(readStretch(file, shape)).toEqual([
    { startMs: 0, runMs: 1_000, coresPerNode: 2, nodes: ["n2"] },
    { startMs: 10_000, runMs: 10_000, coresPerNode: 1, nodes: ["n2", "n1"] },
    { startMs: 10_000, runMs: 500, coresPerNode: 1, nodes: ["n1"] },
  ]);
});

test("a request for more nodes than the stretch uses is refused", () => {
  const file = written("small.swf", line(1_000, 9_000, ["a"]));
  expect(() => readStretch(file, shape)).toThrow("uses only 1 nodes");
});

test("the figures count cores without a job as idle, held idle cores as covered, and work on those as goodput", () => {
  const window = { nodes: ["n1"], coresPerNode: 4, fromMs: 1_000, toMs: 1_100 };
  const span = (cores: number, fromMs: number, toMs: number) => ({
    node: "n1",
    cores,
    fromMs,
    toMs,
  });
  const jobs = [span(3, 900, 1_010), span(4, 1_050, 1_060), { ...span(4, 0, 9_999), node: "n2" }];
  const held = [span(1, 900, 1_020), span(4, 1_020, 1_055), span(2, 1_070, 2_000)];
  const useful = [span(1, 1_000, 1_020), span(9, 1_052, 1_058), span(3, 1_090, 1_095)];
  expect(figuresOf(window, jobs, held, useful)).toEqual({
    // 10 x 1 core, 40 x 4, 10 x 0, 40 x 4
    idleCoreMs: 330,
    // 10 x 1, 10 x 1, 30 x 4, 30 x 2
    coveredCoreMs: 200,
    // 20 x 1; nothing while a job had it all; 5 x 2
    usefulCoreMs: 30,
    readyMs: [10],
    overtaken: 1, // the second hole was never held whole
  });
});

test("the simulator reads an exported stretch unchanged", async () => {
  const file = join(folder, "out.swf");
  const began = 1_800_000_000_000;
  const allocated = [
    { node: "n1", cores: 2, fromMs: began, toMs: began + 1_234 },
    { node: "n2", cores: 1, fromMs: began + 517, toMs: began + 2_000 },
  ];
  writeSwf(file, allocated, 1_000);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  const groups = evenGroups(2, 4, 2_000);
  const trace = await readSwf(lines, { groups, memoryPerCoreMb: 2_000 });
  expect(trace.notes.skipped).toEqual({});
  const { changes } = trace;
  const read = Array.from({ length: changes.length }, (_, index) => [
    changes.atMs(index),
    changes.cores(index),
    changes.memoryMb(index),
  ]);
  expect(read).toEqual([
    [0, 2, 2_000],
    [517, 1, 1_000],
    [1_234, -2, -2_000],
    [2_000, -1, -1_000],
  ]);
});
