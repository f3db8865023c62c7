// Records stay while gleanerd doubts its clock: one start with a wrong clock makes nothing old.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { type Time, useTime } from "../../../../src/clock.js";
import { Retention } from "../../../../src/daemon/records/retention.js";

const [hourMs, dayMs] = [3_600_000, 86_400_000];
let atMs: number;
let goBack: () => void;
beforeEach(() => {
  atMs = 20_000 * dayMs;
  goBack = useTime({ nowMs: () => atMs } as Time);
});
afterEach(() => goBack());

function site() {
  const kept = new Map<string, string>();
  const said: string[] = [];
  const asked: number[] = [];
  const store = {
    loadLearned: async (name: string) => kept.get(name) ?? null,
    saveLearned: async (name: string, json: string) => void kept.set(name, json),
    prune: async (beforeMs: number) => {
      asked.push(beforeMs);
      return 0;
    },
    pruneAudit: async () => 0,
    pruneAnswers: async () => 0,
  };
  const log = pino({}, { write: (line: string) => void said.push(JSON.parse(line).msg) });
  const start = () => new Retention(store, { retainDays: 90, keepResultsMs: dayMs }, log);
  return { start, asked, said };
}

test("a clock that is a year later than before removes nothing, and says so", async () => {
  const { start, asked, said } = site();
  await start().run();
  atMs += 365 * dayMs;
  const wrong = start();
  await wrong.run();
  atMs += 23 * hourMs;
  await wrong.run();
  expect(asked).toHaveLength(1);
  expect(said[0]).toMatch(/^the clock is 365 days later .* set it within that time$/);
});

test("nothing was removed when the clock is right again, and the removal goes on", async () => {
  const { start, asked } = site();
  await start().run();
  atMs += 365 * dayMs;
  await start().run();
  atMs -= 365 * dayMs - hourMs;
  await start().run();
  expect(asked).toEqual([19_910 * dayMs, 19_910 * dayMs]);
});

test("the removal goes on in a gleanerd whose clock is set right", async () => {
  const { start, asked } = site();
  const retention = start();
  await retention.run();
  atMs += 365 * dayMs;
  await retention.run();
  atMs -= 365 * dayMs - hourMs;
  await retention.run();
  expect(asked).toHaveLength(2);
});

test("a gleanerd that was off for a week removes old records a day after its start", async () => {
  const { start, asked } = site();
  await start().run();
  atMs += 7 * dayMs;
  const again = start();
  await again.run();
  expect(asked).toHaveLength(1);
  atMs += dayMs;
  await again.run();
  atMs += hourMs;
  await again.run();
  expect(asked).toHaveLength(3);
});

test("a clock that went back is believed", async () => {
  const { start, asked } = site();
  await start().run();
  atMs -= 365 * dayMs;
  await start().run();
  expect(asked).toHaveLength(2);
});
