// Idle core-time of a replay of a small dump of sacct equals a plain computation from its jobs,
// with windows, outages, running jobs, and jobs on more cores than a node has.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { measuredCosts } from "../../src/sim/costs.js";
import { readSacct } from "../../src/sim/inputs/jobs/sacct.js";
import { readMachines } from "../../src/sim/inputs/machines.js";
import { readOutages, withOutages } from "../../src/sim/inputs/outages.js";
import { policyNamed } from "../../src/sim/policies.js";
import { simulate } from "../../src/sim/simulate.js";
import { type PlainJob, type PlainOutage, plainIdle } from "../support/plain-idle.js";

const epoch = 1_767_225_600;
const length = 120;
const nodes = new Map([
  ["n1", 4],
  ["n2", 2],
  ["n3", 8],
]);
const name = fc.constantFrom(...nodes.keys());
const anyStretch = fc.record({
  node: name,
  from: fc.nat(length),
  lasts: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 5 }),
});
const toOf = ({ from, lasts }: { from: number; lasts: number | null }) =>
  lasts === null ? null : from + lasts;
const anyJobs: fc.Arbitrary<PlainJob[]> = fc.array(
  fc
    .tuple(anyStretch, fc.integer({ min: 1, max: 8 }))
    .map(([each, cores]) => ({ node: each.node, cores, from: each.from, to: toOf(each) })),
  { minLength: 1, maxLength: 12 },
);
const anyOutages: fc.Arbitrary<PlainOutage[]> = fc.array(
  anyStretch.map((each) => ({ node: each.node, from: each.from, to: toOf(each) })),
  { maxLength: 4 },
);
const anyWindow = fc.tuple(fc.nat(length), fc.integer({ min: 1, max: length }));

const instant = (at: number | null) =>
  at === null ? "Unknown" : new Date((epoch + at) * 1_000).toISOString().slice(0, 19);

const dumpOf = (jobs: readonly PlainJob[]) => [
  "JobID|Start|End|State|AllocCPUS|NodeList",
  ...jobs.map(
    ({ node, cores, from, to }, index) =>
      `${index + 1}|${instant(from)}|${instant(to)}|${to === null ? "RUNNING" : "COMPLETED"}|${cores}|${node}`,
  ),
];

const recordsOfNodes = [...nodes].map(
  ([node, cores]) => `NodeName=${node} CPUTot=${cores} RealMemory=64000 State=IDLE`,
);

const eventsOf = (outages: readonly PlainOutage[]) => [
  "Cluster|NodeName|TimeStart|TimeEnd|State|Reason|User",
  "c||2026-01-01T00:00:00|Unknown||Cluster Registered TRES|",
  ...outages.map(
    ({ node, from, to }) => `c|${node}|${instant(from)}|${instant(to)}|DRAIN|broken|root`,
  ),
];

describe("the idle core-time of a replay", () => {
  test("equals a plain computation", async () => {
    const machines = await readMachines(recordsOfNodes, 1_000);
    await fc.assert(
      fc.asyncProperty(anyJobs, anyOutages, anyWindow, async (jobs, outages, [from, lasts]) => {
        const to = from + lasts;
        fc.pre(jobs.some((job) => job.from < to && (job.to === null || job.to > from)));
        const window = { fromMs: (epoch + from) * 1_000, toMs: (epoch + to) * 1_000 };
        const wish = { ...machines, memoryPerCoreMb: 1_000 };
        const read = await readSacct(dumpOf(jobs), wish, null, window);
        const trace =
          outages.length === 0 ? read : withOutages(read, await readOutages(eventsOf(outages)));
        const { result } = simulate({
          trace,
          demand: {
            durations: { kind: "fixed", ms: 100 },
            arrivals: { kind: "saturating" },
            memoryMb: 100,
          },
          costs: measuredCosts,
          policy: policyNamed("none"),
          seed: 1,
          onProgress: () => undefined,
        });
        expect(result.idleCoreMs).toBe(plainIdle(nodes, jobs, outages, from, to) * 1_000);
      }),
      { numRuns: 300 },
    );
  });
});
