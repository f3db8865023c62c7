// What a site knows of its nodes: scontrol's records as machines, outages, and logs of idle nodes
// in the forms in which people write them.

import { describe, expect, test } from "@jest/globals";
import { readHoleLog } from "../../../../src/sim/inputs/holes.js";
import { readSwf } from "../../../../src/sim/inputs/jobs/swf.js";
import { readMachines } from "../../../../src/sim/inputs/machines.js";
import { outagesOf, readOutages, withOutages } from "../../../../src/sim/inputs/outages.js";
import { readTimeMs } from "../../../../src/sim/inputs/times.js";

describe("machines by name", () => {
  test("are read from scontrol, on one line or several, and from slurm.conf", async () => {
    const { named, guessedMemory } = await readMachines(
      [
        "NodeName=b1 Arch=x86_64 CoresPerSocket=56 CPUAlloc=88 CPUEfctv=192 CPUTot=224 OS=Linux 6 RealMemory=2060000 AllocMem=9 MemSpecLimit=65536 State=IDLE",
        "NodeName=a1 CPUTot=8",
        "   Sockets=1 RealMemory=1 AllocMem=0",
        "   Reason=Netzteil defekt – „Gerät“ State=IDLE CPUTot=99 [root@2026-01-01T00:00:00]",
        "",
        "NodeName=DEFAULT RealMemory=5",
        "NodeName=c[1-2] Sockets=2 CoresPerSocket=4 ThreadsPerCore=2 RealMemory=500",
      ],
      1_000,
    );
    expect(named).toEqual([
      { name: "a1", cores: 8, memoryMb: 8_000 },
      { name: "b1", cores: 192, memoryMb: 2_060_000 - 65_536 },
      { name: "c1", cores: 16, memoryMb: 500 },
      { name: "c2", cores: 16, memoryMb: 500 },
    ]);
    expect(guessedMemory).toBe(1);
  });

  test("name the line of an invalid record", async () => {
    const lines = ["NodeName=a CPUTot=4", "NodeName=b CPUTot=x"];
    await expect(readMachines(lines, 1)).rejects.toThrow(/line 2 .*\(no CPUTot, CPUs or Sockets/);
  });
});

describe("outages", () => {
  const log = readHoleLog(["a,1767225600,1767229200", "b,1767225600,1767229200"], {
    cores: 2,
    memoryMb: 4_000,
  });
  const idleOf = async (lines: string[]) => {
    const trace = withOutages(await log, await readOutages(lines));
    const out = Array.from({ length: trace.changes.length }, (_, index) => index).filter((index) =>
      trace.changes.isOutage(index),
    );
    return {
      remarks: trace.notes.remarks.slice(1),
      times: out.map((index) => (trace.changes.atMs(index) - trace.fromMs) / 60_000),
    };
  };

  test("come from sacctmgr's events, joined, cut to the trace, without the cluster's own", async () => {
    const { times, remarks } = await idleOf([
      "Cluster|NodeName|TimeStart|TimeEnd|State|Reason|User",
      "c||2025-01-01T00:00:00|Unknown||Cluster Registered TRES|",
      "c|a|2025-12-31T23:00:00|2026-01-01T00:10:00|DOWN*|Not responding|slurm",
      "c|a|2026-01-01T00:05:00|2026-01-01T00:20:00|DRAIN|x|root",
      "c|b|2026-01-01T00:50:00|Unknown|IDLE+DRAIN|x|root",
      "c|b|2026-01-01T00:00:00|2026-01-01T00:10:00|IDLE|x|root",
      "c|z|2026-01-01T00:50:00|Unknown|DOWN|x|root",
    ]);
    expect(times).toEqual([0, 20, 50, 60]);
    expect(remarks).toEqual([
      "2 outages of nodes, 1.0 core-hours, are not idle time",
      "the outages name 1 node that the trace does not have",
    ]);
  });

  test("come from sinfo -R, and from plain lines", async () => {
    const sinfo = ["REASON|TIMESTAMP|NODELIST", "broken, again|2026-01-01T00:30:00|[a-b]"];
    expect((await idleOf([sinfo[0]!, sinfo[1]!.replace("[a-b]", "a")])).times).toEqual([30, 60]);
    expect((await idleOf(["a,1767225600,1767225660"])).times).toEqual([0, 1]);
  });

  test("come from slurmctld's log, where a drained node that registers again stays out", async () => {
    const at = (minute: string) => `[2026-01-01T00:${minute}:00.123+00:00]`;
    const { times, remarks } = await idleOf([
      `${at("00")} slurmctld version 23.11.4 started on cluster c`,
      `${at("05")} error: Nodes a,b not responding, setting DOWN`,
      `${at("10")} update_node: node a reason set to: update_node: node b state set to DOWN`,
      `${at("10")} update_node: node a state set to DRAINED`,
      "  a second line of a message",
      `${at("15")} Node a now responding`,
      `${at("15")} node_did_resp: node a returned to service`,
      `${at("20")} validate_node_specs: node b returned to service`,
      `${at("30")} update_node: node a state set to IDLE`,
      `${at("40")} drain_nodes: node b state set to DRAIN`,
      `${at("45")} update_node: node b state set to DOWN`,
      `${at("45")} update_node: node b state set to DOWN`,
      `${at("50")} node b returned to service`,
      `${at("50")} node z returned to service`,
    ]);
    expect(times.map(Math.floor)).toEqual([5, 5, 20, 30, 40, 50]);
    expect(remarks).toEqual([
      "3 outages of nodes, 1.7 core-hours, are not idle time",
      expect.stringMatching(/^slurmctld's log begins while nodes are out of service: 1 of them/),
    ]);
  });

  test("of a log without zones are in the process's own, and say so", async () => {
    const line = "[2026-01-01T00:30:00.000] error: Nodes a not responding, setting DOWN";
    const { byNode, remarks } = await readOutages(["", line]);
    const fromMs = new Date(2026, 0, 1, 0, 30).getTime();
    expect(byNode.get("a")).toEqual([{ fromMs, toMs: Number.POSITIVE_INFINITY }]);
    expect(remarks).toEqual([expect.stringMatching(/^the times of slurmctld's log have no zone/)]);
  });

  test("may be reservations, beside others", async () => {
    const down = await readOutages([
      "c|a|2026-01-01T00:00:00|2026-01-01T00:20:00|DOWN*|gone|slurm",
    ]);
    const reserved = await readOutages([
      "Cluster|Name|NodeNames|TimeStart|TimeEnd",
      "c|maint|a,b|2026-01-01T00:10:00|2026-01-01T00:30:00",
    ]);
    const both = outagesOf([down, reserved]);
    expect([...both.byNode.keys()]).toEqual(["a", "b"]);
    expect(both.byNode.get("a")).toEqual([
      { fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 0, 1, 0, 30) },
    ]);
    expect(both.remarks).toEqual([]);
    expect(outagesOf([down]).remarks).toEqual([
      expect.stringMatching(/^no reservations were given: reserved nodes count as idle/),
    ]);
  });

  test("are no events in which the node works", async () => {
    const states = ["IDLE+CLOUD", "MIXED+COMPLETING", "ALLOCATED+DYNAMIC_NORM", "IDLE*", "DOWN"];
    const { byNode } = await readOutages([
      "NodeName|TimeStart|TimeEnd|State",
      ...states.map((state, at) => `n${at}|2026-01-01T00:00:00|Unknown|${state}`),
    ]);
    expect([...byNode.keys()]).toEqual(["n3", "n4"]);
  });

  test("that cannot be read are counted, and refused if none is left", async () => {
    await expect(readOutages(["NodeName|TimeStart|TimeEnd", "a|soon|later"])).rejects.toThrow(
      /the outages contain none \(skipped 1 record: .* \(line 2, column start\)\)/,
    );
  });
});

describe("a hole log", () => {
  const shape = { cores: 24, memoryMb: 96_000 };

  test.each([
    ["quotes", ['"node","start","end"', '"n1","1767225600","1767225610"']],
    ["semicolons", ["node;start;end", "n1;1767225600;1767225610"]],
    ["tabs and other columns", ["end\tfree\thost\tstart", "1767225610\t9\tn1\t1767225600"]],
    ["blanks", ["  node start      end", "n1 1767225600   1767225610"]],
    ["decimal commas", ["node;start;end", "n1;1767225600,0;1767225610,00"]],
    ["dates", ["n1,2026-01-01T00:00:00,2026-01-01 00:00:10"]],
    ["zones", ["n1,2026-01-01T01:00:00+01:00,2026-01-01T00:00:10Z"]],
    ["milliseconds", ["n1,1767225600000,1767225610000"]],
  ])("is read with %s", async (_name, lines) => {
    const trace = await readHoleLog(lines, shape);
    expect(trace).toMatchObject({
      fromMs: 1_767_225_600_000,
      toMs: 1_767_225_610_000,
      notes: { skipped: {} },
    });
    expect(trace.nodes[0]!.name).toBe("n1");
  });

  test("whose header lacks a column is refused", async () => {
    await expect(readHoleLog(["node,start,duration", "n1,10,500"], shape)).rejects.toThrow(
      /the header of the holes \(node, start, duration\) names no column end: name the columns/,
    );
  });

  test("says why nothing is left", async () => {
    await expect(readHoleLog(["n1|x"], shape)).rejects.toThrow(
      /contains no holes \(skipped 1 record: not node,start,end \(line 1\)\)/,
    );
  });

  test("may be replayed in part, on nodes by name", async () => {
    const { named } = await readMachines(["NodeName=n[1-2] CPUTot=4 RealMemory=9000"], 1);
    const trace = await readHoleLog(["n1,100,200", "n3,100,200"], named!, {
      fromMs: 150_000,
      toMs: null,
    });
    expect(trace).toMatchObject({ fromMs: 150_000, toMs: 200_000 });
    expect(trace.nodes).toHaveLength(2);
    // n2 is full all the time, n1 never.
    expect([trace.changes.length, trace.changes.cores(0)]).toEqual([2, 4]);
  });
});

describe("SWF", () => {
  test("with parts of jobs counts each job once", async () => {
    const job = (status: number, id = 1) =>
      `${id} 0 0 50 1 -1 -1 1 -1 -1 ${status} 1 1 1 1 1 -1 -1`;
    const { notes, jobs } = await readSwf(
      ["; MaxNodes: 1", "; MaxProcs: 2", job(1), job(2), job(3), job(2, 7)],
      { groups: null, memoryPerCoreMb: 1_000 },
    );
    expect(jobs).toBe(2);
    expect(notes.skipped).toEqual({ "a part of a job that has a line of its own": 2 });
  });

  test("with unknown waiting times starts jobs when they were submitted, and says so", async () => {
    const job = (submit: number) => `1 ${submit} -1 50 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1`;
    const trace = await readSwf(["; MaxNodes: 1", "; MaxProcs: 2", job(0), job(100)], {
      groups: null,
      memoryPerCoreMb: 1_000,
    });
    expect(trace).toMatchObject({ fromMs: 0, toMs: 100_000, notes: { skipped: {} } });
    expect(trace.notes.remarks).toEqual([
      expect.stringMatching(
        /^2 jobs have an unknown waiting time \(-1\): each is taken as started/,
      ),
      expect.stringMatching(/^the log names no nodes/),
      "the memory of 1 node is a guess: 1000 MB for each core (--memory-per-core)",
      expect.stringMatching(/^the memory of 2 jobs is unknown/),
    ]);
  });
});

describe("a time", () => {
  test.each([
    ["2026-01-01", 1_767_225_600_000],
    ["2026-01-01T00:00", 1_767_225_600_000],
    ["2026-01-01 00:00:00.5 UTC", 1_767_225_600_500],
    ["2026-01-01T01:00:00+0100", 1_767_225_600_000],
    ["1767225600", 1_767_225_600_000],
    ["1767225600.25", 1_767_225_600_250],
    ["1767225600250", 1_767_225_600_250],
    ["17", null],
    ["2026-02-31T00:00:00", null],
    ["2026-01-01T25:00:00", null],
    ["now", null],
  ])("%s is read", (text, atMs) => {
    expect(readTimeMs(text)).toBe(atMs);
  });
});
