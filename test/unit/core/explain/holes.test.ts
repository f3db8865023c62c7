// Each idle core that runs nothing has exactly one answer to "why".

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type ExecutorView,
  explainUnused,
  type NodeView,
} from "../../../../src/core/explain/holes.js";
import type { UnusableReason } from "../../../../src/model/capacity/hole.js";
import { nodeName } from "../../../../src/model/ids.js";

const resources = (cores: number) => ({ cores, memoryMb: cores * 1_000, gpus: [] });
const ready = (budgetCores: number, usedCores: number): ExecutorView => ({
  takesWork: true,
  state: "ready",
  forMs: 5,
  budget: resources(budgetCores),
  usedCores,
  free: resources(Math.max(0, budgetCores - usedCores)),
});
const view = (change: Partial<NodeView>): NodeView => ({
  node: nodeName("n1"),
  idleCores: 8,
  reason: null,
  executor: null,
  takesPilots: false,
  ...change,
});
const nothing = { waiting: 0, fits: false };
const told = (change: Partial<NodeView>, demand = nothing) =>
  explainUnused(view(change), demand, 200).map(({ cores, part, why }) => [cores, part, why]);

test.each<[string, Partial<NodeView>, typeof nothing, unknown[]]>([
  ["no demand", { executor: ready(8, 3) }, nothing, [[5, "noDemand", /queue is empty/]]],
  [
    "what waits does not fit",
    { executor: ready(8, 3) },
    { waiting: 2, fits: false },
    [
      [
        5,
        "unplaced",
        /no waiting invocation \(2 in the queue\) fits into the 5 cores and 5000 MB that are free/,
      ],
    ],
  ],
  [
    "about to be placed",
    { executor: ready(8, 3) },
    { waiting: 2, fits: true },
    [[5, "unplaced", /about to start/]],
  ],
  ["all used", { executor: ready(8, 8) }, nothing, []],
  ["full", { idleCores: 0, reason: { kind: "full" } }, nothing, []],
  [
    "budget not grown yet",
    { executor: ready(4, 4) },
    nothing,
    [[4, "unseen", /the next read of Slurm/]],
  ],
  ["no executor yet", {}, nothing, [[8, "starting", /about to start/]]],
  [
    "no pilot yet",
    { takesPilots: true },
    nothing,
    [[8, "starting", /once waiting work would fit/]],
  ],
  [
    "starting",
    { executor: { ...ready(8, 0), takesWork: false, state: "requested" } },
    nothing,
    [[8, "starting", /requested for 5 ms/]],
  ],
  [
    "connection lost",
    { executor: { ...ready(8, 0), takesWork: false } },
    nothing,
    [[8, "starting", /connection/]],
  ],
  [
    "draining beside work that goes on",
    { executor: { ...ready(8, 3), takesWork: false, state: "draining" } },
    nothing,
    [[5, "starting", /is draining: a new one starts once what still runs there has ended/]],
  ],
  [
    "drained, all cores still used",
    {
      reason: { kind: "state", flag: "MAINT" },
      executor: { ...ready(8, 8), takesWork: false, state: "draining" },
    },
    nothing,
    [],
  ],
  [
    "too short",
    { reason: { kind: "tooShort", endsInMs: 900 } },
    nothing,
    [[8, "tooShort", /plans to start a job there in 900 ms/]],
  ],
  [
    "vacated",
    { reason: { kind: "tooShort", endsInMs: 100 } },
    nothing,
    [[8, "vacated", /left ahead of a planned start/]],
  ],
  [
    "completing beside work that goes on",
    { reason: { kind: "state", flag: "COMPLETING" }, executor: ready(3, 3) },
    nothing,
    [[5, "completing", /until its epilogs have ended/]],
  ],
])("%s", (_, change, demand, expected) => {
  const answers = told(change, demand);
  expect(answers).toHaveLength(expected.length);
  for (const [index, [cores, part, why]] of (expected as [number, string, RegExp][]).entries()) {
    expect(answers[index]!.slice(0, 2)).toEqual([cores, part]);
    expect(answers[index]![2]).toMatch(why);
  }
});

const reasons: readonly UnusableReason[] = [
  { kind: "full" },
  { kind: "state", flag: "DRAIN" },
  { kind: "state", flag: "COMPLETING" },
  { kind: "unknownState", flag: "X" },
  { kind: "owner", owner: "ada" },
  { kind: "memory", freeMb: 1, neededMb: 64 },
  { kind: "pinned", why: "a job came" },
  { kind: "partition", partition: "p" },
  { kind: "noHook", detail: "d" },
  { kind: "drained", by: "root" },
  { kind: "stale", ageMs: 20_000 },
  { kind: "tooShort", endsInMs: 5 },
  { kind: "launchFailing", detail: "d", retryInMs: 5 },
  { kind: "noMemoryLeft", detail: "d", retryInMs: 5 },
];

test("the answers cover all idle cores that run nothing, each with a sentence, whatever the node", () => {
  const cores = fc.integer({ min: 0, max: 9 });
  const any = fc.record({
    idleCores: cores,
    reason: fc.constantFrom(null, ...reasons),
    executor: fc.option(
      fc.record({ budget: cores, used: cores, takesWork: fc.boolean() }).map((each) => ({
        ...ready(each.budget, each.used),
        takesWork: each.takesWork,
      })),
    ),
  });
  fc.assert(
    fc.property(any, fc.boolean(), (change, fits) => {
      const answers = explainUnused(view(change), { waiting: 1, fits }, 200);
      const { idleCores, executor } = change;
      const budget = executor?.takesWork ? executor.budget.cores : idleCores;
      const used = Math.min(idleCores, budget, executor?.usedCores ?? 0);
      expect(answers.reduce((sum, each) => sum + each.cores, 0)).toBe(idleCores - used);
      for (const { cores: some, why } of answers) {
        expect(some).toBeGreaterThan(0);
        expect(why).toMatch(/^[^\n]{10,}[^.]$/);
      }
    }),
  );
});
