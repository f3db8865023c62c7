// Many short seeds of the simulated cluster: no harm, nothing lost, every millisecond accounted
// for, whatever breaks.

import { expect, test } from "@jest/globals";
import { runSeed } from "../faults/seed.js";

/** Some 40 s; `scripts/bench faults` runs more. */
const seeds = 80;
/** Later ones that once found a fault of Gleaner. */
const found = [61_067, 1_000_708, 3_000_450];
const steps = 200;

test("every seed keeps all promises, and the seeds together exercise each of them", async () => {
  const sum: Record<string, number> = {};
  for (const seed of [...Array.from({ length: seeds }, (_, at) => at + 1), ...found]) {
    const { problems, invocations } = await runSeed({ seed, steps });
    // Replay it: scripts/bench faults --seed N
    expect({ seed, problems }).toEqual({ seed, problems: [] });
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
