// A sample of a trace's days: each is cut out with what ran at its begin.

import { describe, expect, test } from "@jest/globals";
import { nodeName } from "../../../src/model/ids.js";
import { measuredCosts } from "../../../src/sim/costs.js";
import { policyNamed } from "../../../src/sim/policies.js";
import { seeded } from "../../../src/sim/random.js";
import { sampleDays } from "../../../src/sim/sample.js";
import { simulate } from "../../../src/sim/simulate.js";
import { Changes } from "../../../src/sim/site/changes.js";
import { ShareList } from "../../../src/sim/site/shares.js";
import type { Trace } from "../../../src/sim/site/trace.js";

const hourMs = 3_600_000;

/** Four days and an hour of two nodes of 4 cores. */
function trace(): Trace {
  const shares = new ShareList();
  const busy = (node: number, cores: number, from: number, to: number, isOutage = false) =>
    shares.add({ node, cores, memoryMb: 0, fromMs: from * hourMs, toMs: to * hourMs, isOutage });
  busy(0, 1, 2, 30);
  busy(0, 2, 20, 24);
  busy(0, 3, 48, 97);
  busy(1, 4, 10, 60, true);
  busy(1, 4, 72, 73);
  const node = (name: string) => ({ name: nodeName(name), cores: 4, memoryMb: 90_000 });
  return {
    nodes: [node("a"), node("b")],
    fromMs: 0,
    toMs: 97 * hourMs,
    jobs: 4,
    changes: Changes.of(shares),
    notes: { skipped: {}, remarks: [] },
  };
}

/** Idle core-hours of each day, by hand. */
const idle = [4 * 24 - 22 - 2 * 4 + 4 * 10, 4 * 24 - 6, 24 + 4 * 12, 24 + 4 * 23];

describe("a sample of days", () => {
  test.each([1, 2, 3])("has each day's own idle time (seed %d)", (seed) => {
    const { days, ofDays } = sampleDays(trace(), 3, seeded(seed));
    expect([days.length, ofDays]).toEqual([3, 4]);
    for (const day of days) {
      const { result } = simulate({
        trace: day,
        demand: {
          durations: { kind: "fixed", ms: 1_000 },
          arrivals: { kind: "saturating" },
          memoryMb: 1,
        },
        costs: measuredCosts,
        policy: policyNamed("none"),
        seed: 1,
        onProgress: () => undefined,
      });
      expect(result.idleCoreMs / hourMs).toBe(idle[day.fromMs / (24 * hourMs)]);
      expect(result.toMs - result.fromMs).toBe(24 * hourMs);
    }
  });

  test("is refused if there are no more days", () => {
    expect(() => sampleDays(trace(), 4, seeded(1))).toThrow(/the trace has only 4 whole days/);
  });
});
