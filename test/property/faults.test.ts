// Many short seeds of the simulated cluster: no harm, nothing lost, every millisecond accounted
// for, whatever breaks.

import { expect, test } from "@jest/globals";
import { runSeed } from "../faults/seed.js";

/** Some 40 s; `scripts/bench faults` runs more. */
const seeds = 80;
/** Later ones that once found a fault of Gleaner, with the usual mix of acts. */
const found = [20_007, 61_067, 1_000_708, 3_000_450];
const steps = 200;
const runs = [
  ...Array.from({ length: seeds }, (_, at) => ({ seed: at + 1 })),
  ...found.map((seed) => ({ seed, often: {} })),
];

test("every seed keeps all promises, and the seeds together exercise each of them", async () => {
  const sum: Record<string, number> = {};
  for (const run of runs) {
    const { seed, often, problems, invocations } = await runSeed({ ...run, steps });
    // Replay it: scripts/bench faults --seed N, for one that was found with --usual
    expect({ seed, often, problems }).toEqual({ seed, often, problems: [] });
    for (const [what, count] of Object.entries(invocations)) sum[what] = (sum[what] ?? 0) + count;
  }
  for (const [what, count] of Object.entries(sum))
    expect({ what, isMet: count > seeds / 10 }).toEqual({ what, isMet: true });
}, 600_000);

test("a seed replays identically to the last event", async () => {
  const lines: string[][] = [[], []];
  for (const told of lines) await runSeed({ seed: 7, steps, tell: (line) => told.push(line) });
  expect(lines[0]!.length).toBeGreaterThan(steps);
  expect(lines[1]).toEqual(lines[0]);
});
