// The simulation can fail: it finds whatever is broken on purpose, in the core or in what the
// daemon sees and sends.

import { afterEach, describe, test } from "@jest/globals";
import { Claims } from "../../src/core/capacity/claims.js";
import { mustFind, patienceMs, undoChanges, withChanged } from "../faults/find-planted.js";
import { planted } from "../faults/planted.js";
import { runSeed } from "../faults/seed.js";

test.each(planted)(
  "found: $what",
  async ({ sabotage, shows, often }) => {
    await mustFind(shows, runSeed, sabotage, often);
  },
  patienceMs,
);

describe("in the core", () => {
  afterEach(undoChanges);

  test("finds that the cores allocated to jobs are counted as idle", async () => {
    type Holes = typeof import("../../src/core/capacity/holes.js");
    const run = await withChanged<Holes>("../../src/core/capacity/holes.js", ({ freeOf }) => ({
      findHoles: (snapshot, policy, { nowMs }) => ({
        holes: snapshot.nodes.map((node) => ({
          node: node.name,
          kind: "fragment" as const,
          free: freeOf({ ...node, allocatedCores: 0 }, policy, snapshot.facts, new Claims(snapshot))
            .budget,
          sinceMs: nowMs,
          predictedEndAtMs: null,
          end: { endsAtMs: null, confidence: 0, source: "none" as const },
        })),
        unusable: [],
      }),
    }));
    await mustFind(/^harm/, run);
  });

  test("finds that a price is rounded up", async () => {
    type Metering = typeof import("../../src/core/accounting/metering.js");
    const run = await withChanged<Metering>("../../src/core/accounting/metering.js", (real) => ({
      priceMicroCredits: (usage, rate) => real.priceMicroCredits(usage, rate) + 1,
      postingsOf: (...args) =>
        real.postingsOf(...args).map((posting) => ({
          ...posting,
          amountMicroCredits: posting.amountMicroCredits + 1,
        })),
    }));
    await mustFind(/micro-credits/, run);
  });

  test("finds that an evicted lease is not billed", async () => {
    type Metering = typeof import("../../src/core/accounting/metering.js");
    const run = await withChanged<Metering>("../../src/core/accounting/metering.js", (real) => ({
      isCharged: (end, measured) => end !== "EVICTED" && real.isCharged(end, measured),
    }));
    await mustFind(/is billed wrongly/, run);
  });

  test("finds that the result of an old attempt is accepted for the new one", async () => {
    type Testimony = typeof import("../../src/daemon/executors/testimony.js");
    const run = await withChanged<Testimony>("../../src/daemon/executors/testimony.js", () => ({
      doubtOf: () => null,
      believed: (_record, report, { live }) => {
        const newest = live.assignments.get(report.invocation);
        return newest?.state === "begun" ? { ...report, attempt: newest.attempt } : null;
      },
    }));
    await mustFind(/is recorded (as|with)/, run);
  });

  test("finds that a reconnected executor is told to end the attempts that it should keep", async () => {
    type Reconcile = typeof import("../../src/daemon/executors/reconcile.js");
    const run = await withChanged<Reconcile>("../../src/daemon/executors/reconcile.js", (real) => ({
      reconcile: (record, answersFor, live) => {
        for (const key of answersFor)
          if (record.attempts.get(key.invocation)?.attempt === key.attempt)
            record.line?.send({ type: "cancel", key });
        return real.reconcile(record, answersFor, live);
      },
    }));
    // The daemon distrusts the executor although it did as it was told, and the books distrust
    // both.
    await mustFind(/as CANCELLED and nobody asked|an honest node is/, run);
  });

  test("finds that an executor frees nothing for a job", async () => {
    type Budget = typeof import("../../src/executor/budget/budget.js");
    const run = await withChanged<Budget>("../../src/executor/budget/budget.js", () => ({
      effectiveBudget: ({ budget }) => budget,
    }));
    await mustFind(/^harm/, run);
  });

  test("finds that one victim too few is chosen", async () => {
    type Victims = typeof import("../../src/executor/budget/victims.js");
    const run = await withChanged<Victims>("../../src/executor/budget/victims.js", (real) => ({
      chooseVictims: (held, budget) => real.chooseVictims(held, budget).slice(1),
    }));
    await mustFind(/^harm/, run);
  });
});
