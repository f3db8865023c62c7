// `glean simulate` as people run it: one document, tables side by side, a page, and one sentence
// for an error.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { expectSentence, gleanWorld } from "../../support/glean.js";

const world = gleanWorld();
const run = (...args: string[]) => world.start(["simulate", ...args]).end;

const holes = "node,start,end\na,1000,1600\nb,1000,1100\nb,1200,1900\na,bad,1\n";
const holeArgs = () => ["--holes", world.script(holes, "holes.csv"), "--cores-per-node", "24"];

describe("glean simulate", () => {
  test("--json prints one document in the promised shape", async () => {
    const { status, stdout, stderr } = await run(...holeArgs(), "--json");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({
      coverage: expect.any(Number),
      goodput: expect.any(Number),
      idleCoreMs: 24 * 1_400_000,
      coveredCoreMs: expect.any(Number),
      usefulCoreMs: expect.any(Number),
      lostToEvictionCoreMs: expect.any(Number),
      minutesWithoutExecutor: 0,
      invocations: {
        finished: expect.any(Number),
        evicted: expect.any(Number),
        onTime: expect.any(Number),
      },
      ceiling: { perfectKnowledge: expect.any(Number), noStartup: 1 },
      fragments: { coverage: 0 },
      wholeNodes: { coverage: answer.coverage },
      skippedRecords: 1,
      wallMs: expect.any(Number),
      maxRssMb: expect.any(Number),
    });
    expect(answer.coverage).toBeGreaterThan(0.99);
    expect(answer.coverage).toBeLessThan(1);
  });

  test("gives the same result for the same seed", async () => {
    const figures = async (seed: string) => {
      const { stdout } = await run(
        ...holeArgs(),
        "--call",
        "exponential:2s",
        "--seed",
        seed,
        "--json",
      );
      const { wallMs: _wallMs, maxRssMb: _maxRssMb, ...rest } = JSON.parse(stdout);
      return rest;
    };
    expect(await figures("3")).toEqual(await figures("3"));
    expect(await figures("3")).not.toEqual(await figures("4"));
  });

  test("puts policies and a sweep side by side", async () => {
    const args = [
      ...holeArgs(),
      "--policy",
      "none",
      "--policy",
      "whole-nodes",
      "--sweep",
      "poll=1s,30s",
    ];
    const { stdout } = await run(...args);
    expect(stdout).toMatch(
      /none poll=1s +none poll=30s +whole-nodes poll=1s +whole-nodes poll=30s\n/,
    );
    expect(stdout).toMatch(/^Coverage( +0\.\d{4}){4}$/m);
    expect(stdout).toContain(
      "Skipped 1 record:\n  1 record: a time that is neither a number nor a date (line 5, column start)\n",
    );
    const { runs } = JSON.parse((await run(...args, "--json")).stdout);
    expect(runs.map((each: { run: string }) => each.run)).toHaveLength(4);
    expect(runs[0].coverage).toBeGreaterThan(runs[1].coverage);
    const { stdout: csv, stderr: notes } = await run(...args, "--csv");
    expect(notes).toMatch(/^glean: Note: all nodes count as equal, .*\nglean: Skipped 1 record:\n/);
    const lines = csv.split("\r\n");
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatch(
      /^run,policy,fromMs,toMs,nodes,cores,coverage,.*,ceiling\.noStartup,.*,wallMs,maxRssMb$/,
    );
    expect(lines[4]).toMatch(/^whole-nodes poll=30s,whole-nodes,1000000,1900000,2,48,0\.\d+/);
  });

  test("--html writes a page with all assumptions, and --node-csv its nodes", async () => {
    const files = ["--html", "page.html", "--node-csv", "nodes.csv"];
    const { status } = await run(...holeArgs(), ...files, "--eviction", "70ms");
    expect(status).toBe(0);
    const page = readFileSync(join(world.home, "page.html"), "utf8").split("<script")[0]!;
    for (const text of [
      "<!doctype html>",
      "This is a simulation, not a measurement",
      "a log of idle nodes (holes.csv)",
      "Ceiling with perfect knowledge",
      "always more than fits",
      "1000 MB",
      "150 to 300 ms",
      '70 ms</td><td class="meaning">assumed, not measured here',
      "as gleanerd: learns how long holes",
      "their memory is a guess",
      "1 record: a time that is neither a number nor a date (line 5, column start)",
      "Not idle in the log",
    ])
      expect(page).toContain(text);
    for (const text of [
      "batch jobs got",
      "Batch jobs",
      "available to Slurm",
      "CSV file",
      "prolog and epilog",
    ])
      expect(page).not.toContain(text);
    const lines = readFileSync(join(world.home, "nodes.csv"), "utf8").split("\r\n");
    expect(lines[0]).toMatch(/^node,availableCoreMs,/);
    expect(lines.slice(1, 4).map((line) => line.split(",")[0])).toEqual(["a", "b", "total"]);
  });

  test("reads SWF with machines and a trace of invocations", async () => {
    const swf = world.script(
      "1 0 0 90 2 -1 -1 2 -1 -1 1 1 1 1 1 1 -1 -1 {1,1} q\n2 900 0 9 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1 {1} q\n",
      "a.swf",
    );
    const machines = world.script("0 n 1 4 1 8388608\n", "machines");
    const calls = world.script(
      "app,func,end_timestamp,duration\na,f,1,0.5\na,g,9,3\n",
      "calls.csv",
    );
    const { stdout } = await run(
      "--swf",
      swf,
      "--machines",
      machines,
      "--invocations",
      calls,
      "--arrivals",
      "trace",
      "--scale",
      "2",
      "--json",
    );
    const answer = JSON.parse(stdout);
    expect(answer.idleCoreMs).toBe(4 * 900_000 - 2 * 90_000);
    expect(answer.invocations.waitMs).not.toBeNull();
    expect(answer.durationClasses).toHaveLength(2);
  });

  test("reads what sacct, scontrol and sacctmgr print, for the time that is asked for", async () => {
    const dump = world.script(
      [
        "JobID|Start|End|State|AllocCPUS|NodeList",
        "1|2025-12-02T00:00:00|2026-01-01T06:00:00|COMPLETED|4|n1",
        "2|2026-01-01T06:00:00|Unknown|RUNNING|4|n1",
        "3|2026-01-01T00:00:00|2026-01-01T12:00:00|COMPLETED|2|n2",
        "4|2026-01-01T12:00:00|2026-01-02T12:00:00|COMPLETED|2|n2",
        "5|x|2026-01-02T12:00:00|COMPLETED|2|n2",
      ].join("\n"),
      "jobs",
    );
    const nodes = world.script(
      "NodeName=n1 CPUTot=4 RealMemory=16000 State=MIXED\nNodeName=n2 CPUTot=4 RealMemory=16000\n",
      "nodes",
    );
    const events = world.script(
      "NodeName|TimeStart|TimeEnd|State\nn2|2026-01-01T06:00:00|2026-01-01T12:00:00|DRAIN\n",
      "events",
    );
    const window = ["--from", "2026-01-01", "--to", "2026-01-01T18:00"];
    const args = ["--sacct", dump, "--machines", nodes, ...window];
    const down = await run(...args, "--outages", events, "--json");
    const answer = JSON.parse(down.stdout);
    expect(answer.idleCoreMs).toBe(2 * 12 * 3_600_000);
    expect([answer.fromMs, answer.toMs]).toEqual([Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1, 18)]);
    const all = await run(...args);
    expect(all.stdout).toMatch(/^Idle core-hours +36\.0$/m);
    expect(all.stdout).toContain("Note: no outages were given: nodes that were down, drained or");
    expect(all.stdout).toContain("  1 record: a start that is not a time (line 6, column Start)\n");
  });

  test("--sample replays some nodes and states the error", async () => {
    const lines = Array.from({ length: 60 }, (_, node) => `n${node},0,${100 + node}`);
    const log = world.script(lines.join("\n"), "many.csv");
    const args = ["--holes", log, "--cores-per-node", "4", "--call", "3s"];
    const all = JSON.parse((await run(...args, "--json")).stdout);
    const part = JSON.parse((await run(...args, "--sample", "20", "--json")).stdout);
    expect(all.sample).toBeNull();
    expect(part.nodes).toBe(20);
    expect(part.sample).toMatchObject({ nodes: 20, ofNodes: 60 });
    const { value, standardError } = part.sample.goodput;
    expect(value).toBe(part.goodput);
    expect(standardError).toBeGreaterThan(0);
    expect(standardError).toBeLessThan(0.02);
    expect(Math.abs(value - all.goodput)).toBeLessThan(4 * standardError);
    const { stdout } = await run(...args, "--sample", "20");
    expect(stdout).toMatch(/^Goodput +0\.\d{4} ± 0\.\d{4}$/m);
    expect(stdout).toContain("Note: a sample of 20 of 60 nodes");
    expectSentence(await run(...args, "--sample", "60"), 2, /the trace has only 60 nodes/);
  });

  test("--sample 2d replays days by themselves and estimates all of them", async () => {
    const lines = Array.from(
      { length: 40 },
      (_, at) => `n${at % 3},${at * 9_000},${at * 9_500 + 99}`,
    );
    writeFileSync(join(world.home, "days"), lines.join("\n"));
    const args = ["--holes", "days", "--cores-per-node", "4", "--call", "1m", "--sample", "2d"];
    const { runs, estimates } = JSON.parse((await run(...args, "--json")).stdout);
    const sum = (part: "usefulCoreMs" | "idleCoreMs") => runs[0][part] + runs[1][part];
    expect(estimates).toMatchObject([{ run: "prediction", days: 2, ofDays: 4 }]);
    expect(estimates[0].goodput.value).toBeCloseTo(sum("usefulCoreMs") / sum("idleCoreMs"));
    const { stdout } = await run(...args);
    expect(stdout).toMatch(
      /\nEstimate for all 4 days from 2, prediction: coverage 0\.\d{4} ± 0\.\d{4}, goodput/,
    );
    expectSentence(await run(...args, "--html", "x.html"), 2, /no --sample of days/);
  });

  test("says in one sentence that a gzipped file is cut off", async () => {
    const lines = Array.from({ length: 200_000 }, (_, index) => `n${index},${index},${index + 9}`);
    const whole = gzipSync(lines.join("\n"));
    writeFileSync(join(world.home, "cut.gz"), whole.subarray(0, whole.length / 2));
    expectSentence(
      await run("--holes", "cut.gz", "--cores-per-node", "4"),
      1,
      /cannot read cut\.gz \(its gzip data is damaged or ends early: unexpected end of file\): copy/,
    );
  });

  describe("--functions", () => {
    const calls = [
      "app,func,end_timestamp,duration",
      ...Array.from({ length: 20 }, (_, index) => `a,f,${index * 1_200 + 1},1`),
      "a,g,10,5",
      "a,g,10,-5",
    ];
    const trace = () => world.script(calls.join("\n"), "functions.csv");

    test("puts ways to keep workers warm side by side", async () => {
      const { status, stdout, stderr } = await run("--functions", trace());
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toMatch(
        /^ +gleaner +fixed keep-alive +no keep-alive +perfect knowledge\nCalls( +21){4}\n/,
      );
      expect(stdout).toMatch(/^Cold starts +\d +21 +21 +2$/m);
      expect(stdout).toMatch(/^Cold-start share +0\.\d{4} +1\.0000 +1\.0000 +0\.0952$/m);
      expect(stdout).toMatch(/^Idle memory-time \(GB-hours\)( +\d+\.\d{3}){4}$/m);
      expect(stdout).toContain(
        "2 functions in 6.33 hours. Each worker has 256 MB and starts in 500 ms.",
      );
      expect(stdout).toContain("Skipped 1 line: negative duration, first on line 23.");
    });

    test("--json prints the same document each time", async () => {
      const figures = async (...args: string[]) => {
        const { stdout } = await run("--functions", trace(), "--json", ...args);
        const { wallMs, maxRssMb, ...rest } = JSON.parse(stdout);
        expect([wallMs, maxRssMb]).toEqual([expect.any(Number), expect.any(Number)]);
        return rest;
      };
      const usual = await figures();
      expect(usual).toMatchObject({
        calls: 21,
        functions: 2,
        settings: {
          memoryMb: 256,
          coldStartMs: 500,
          keepAlive: { minWarm: 0, idleTimeoutMs: null },
        },
        policies: [
          { policy: "gleaner", startedAhead: expect.any(Number) },
          { policy: "fixedKeepAlive", coldStarts: 21 },
          { policy: "noKeepAlive", coldStartShare: 1, idleMbSeconds: 0 },
          { policy: "perfectKnowledge", coldStarts: 2, firstUses: 2 },
        ],
        skipped: [{ reason: "negative duration", lines: 1, firstLine: 23 }],
      });
      expect(await figures()).toEqual(usual);
      const changed = await figures(
        ...["--worker-memory", "1G", "--cold-start", "2s", "--keep-alive", "30m"],
        ...["--min-warm", "1"],
      );
      expect(changed.settings).toEqual({
        memoryMb: 1_024,
        coldStartMs: 2_000,
        keepAlive: { keepAliveMs: 1_800_000, minWarm: 1, idleTimeoutMs: null },
      });
      expect(changed.policies[0].coldStarts).toBe(0);
      expect(changed.policies[1].coldStarts).toBe(2);
      const fixed = await figures("--idle-timeout", "10m");
      expect(fixed.policies[0].idleMbSeconds).toBe(fixed.policies[1].idleMbSeconds);
    });

    test.each<[string[], RegExp]>([
      [["--holes", "x"], /--functions replays calls alone: omit --holes/],
      [["--cores-per-node", "4"], /omit --cores-per-node/],
      [["--policy", "none"], /omit --policy/],
      [["--csv"], /omit --csv/],
      [["--min-warm", "-1"], /--min-warm: invalid value "-1"/],
      [["--keep-alive", "0"], /--keep-alive: invalid value "0"/],
      [["--idle-timeout", "soon"], /--idle-timeout: invalid time "soon"/],
      [["--worker-memory", "0"], /--worker-memory: a function cannot have all memory/],
    ])("with %j is refused in one sentence", async (args, sentence) => {
      expectSentence(await run("--functions", trace(), ...args), 2, sentence);
    });

    test("refuses a trace that it cannot read, and one without calls", async () => {
      expectSentence(await run("--functions", "no.csv"), 1, /cannot read no\.csv/);
      const empty = world.script("app,func,end_timestamp,duration\na,f,x,1\n", "empty.csv");
      expectSentence(await run("--functions", empty), 2, /trace of invocations is empty/);
      const other = world.script("a,b\n1,2\n", "other.csv");
      expectSentence(
        await run("--functions", other),
        2,
        /lacks app, func, end_timestamp, duration/,
      );
    });
  });

  test.each<[string[], RegExp]>([
    [[], /give one trace: --holes FILE, --swf FILE or --sacct FILE/],
    [["--holes", "holes.csv", "--swf", "x"], /give one trace/],
    [["--holes", "holes.csv"], /add --cores-per-node/],
    [["--swf", "x", "--nodes", "4"], /--nodes and --cores-per-node belong together/],
    [["--swf", "x", "--machines", "m", "--nodes", "4"], /omit --nodes/],
    [["--call", "soon"], /--call: invalid time "soon"/],
    [["--call", "lognormal:2s"], /expected 10ms, uniform/],
    [["--call", "uniform:5s-1s"], /--call: invalid value "1s": expected at least 5000 ms/],
    [["--arrivals", "often"], /expected saturating, trace, or a rate such as 10\/s/],
    [["--arrivals", "trace"], /give one with --invocations FILE/],
    [["--poll", "1s", "--reaction", "1s"], /mutually exclusive/],
    [["--executor-start", "300ms-150ms"], /write the shorter time first/],
    [["--policy", "clever"], /unknown policy "clever": use one of prediction, none/],
    [["--sweep", "seed=1,2"], /unknown parameter .*: expected one of call, arrivals/],
    [["--sweep", "poll="], /write 1 to 50 values/],
    [["--sweep", "poll=1s,2s", "--html", "x"], /--html shows one run/],
    [["--json", "--csv"], /mutually exclusive: give only one/],
    [["--from", "soon"], /--from: invalid time "soon": expected 2026-01-01/],
    [["--from", "1500", "--to", "1400"], /--to is not later than --from/],
    [["--from", "5000"], /the window contains no hole/],
    [["--call-memory", "1000G"], /no node has memory for a call of 1024000 MB/],
    [["--seed", "x"], /--seed: invalid value "x"/],
    [["--scale", "0"], /expected a number above 0/],
  ])("%j is refused in one sentence", async (args, sentence) => {
    const given = args.some((each) => /^--(holes|swf)$/.test(each)) || args.length === 0;
    expectSentence(await run(...(given ? [] : holeArgs()), ...args), 2, sentence);
  });

  test("refuses a missing file and one without holes", async () => {
    expectSentence(
      await run("--holes", "no.csv", "--cores-per-node", "2"),
      1,
      /cannot read no\.csv/,
    );
    const empty = world.script("node,start,end\n", "empty.csv");
    expectSentence(await run("--holes", empty, "--cores-per-node", "2"), 2, /contains no holes/);
  });
});
