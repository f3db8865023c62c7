// What the benchmark `throughput` concludes from its rounds.

import { expect, test } from "@jest/globals";
import { barsOf, Rounds, warmUp } from "../../../../scripts/benchmarks/throughput/figures.js";

const elapsed = (name: string, tasks: number, ...rounds: number[]) => ({
  name,
  tasks,
  run: () => rounds.shift()!,
});

test("rates are medians of the rounds, and ratios those of the rounds' ratios", async () => {
  const rounds = new Rounds();
  const subjects = [elapsed("map", 100, 100, 50, 200), elapsed("bullmq", 50, 100, 100, 800)];
  for (let round = 0; round < 3; round++) await rounds.add(subjects);
  expect(rounds.perSecond("map")).toBe(1_000);
  expect(rounds.perSecond("bullmq")).toBe(500);
  expect(rounds.ratio("map", "bullmq")).toBe(4);
});

test("every subject runs for five seconds to warm up, however long one run takes", async () => {
  const ran: string[] = [];
  const subject = (name: string, elapsedMs: number) => ({
    ...{ name, tasks: 1 },
    run: () => {
      ran.push(name);
      return elapsedMs;
    },
  });
  await warmUp([subject("quick", 2_000), subject("slow", 6_000)]);
  expect(ran).toEqual(["quick", "quick", "quick", "slow"]);
});

test("a bar is met by its ratio, and not if its peer was not measured", async () => {
  const rounds = new Rounds();
  await rounds.add([
    ...[elapsed("map", 10, 10), elapsed("bullmq", 10, 20), elapsed("hyperqueue", 10, 5)],
    ...[elapsed("exec", 10, 10), elapsed("xargs", 10, 6.1)],
  ]);
  const { bars, withinBars } = barsOf(rounds);
  const met = Object.fromEntries(bars.map(({ theirs, isMet }) => [theirs, isMet]));
  expect(met).toEqual({
    ...{ bullmq: true, hyperqueue: false, xargs: true },
    ...{ dask: false, parsl: false, sbatchArray: false },
  });
  expect(bars.find(({ theirs }) => theirs === "dask")!.ratio).toBeNull();
  expect(withinBars).toBe(false);
});
