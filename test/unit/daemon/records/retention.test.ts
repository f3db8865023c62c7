// Old records are removed until none is left, in whole days; a failing store ends the turn and
// nothing else.

import { expect, test } from "@jest/globals";
import { pino } from "pino";
import { Retention } from "../../../../src/daemon/records/retention.js";

const dayMs = 86_400_000;
const log = pino({ enabled: false });

/** The store's learned values, in memory. */
function keptValues() {
  const kept = new Map<string, string>();
  return {
    loadLearned: async (name: string) => kept.get(name) ?? null,
    saveLearned: async (name: string, json: string) => void kept.set(name, json),
  };
}

function pruner(answers: (number | Error)[]) {
  const asked: [number, number][] = [];
  const prune = async (beforeMs: number, limit: number): Promise<number> => {
    asked.push([beforeMs, limit]);
    const answer = answers.shift()!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const none = async () => 0;
  return { asked, store: { prune, pruneAudit: none, pruneAnswers: none, ...keptValues() } };
}

test("the removal repeats until nothing older than the retained whole days is left", async () => {
  const { asked, store } = pruner([200, 7, 0]);
  await new Retention(store, { retainDays: 90, keepResultsMs: dayMs }, log).run();
  expect(asked).toHaveLength(3);
  const [beforeMs, limit] = asked[0]!;
  expect(beforeMs % dayMs).toBe(0);
  const ageMs = Date.now() - beforeMs;
  expect(ageMs).toBeGreaterThanOrEqual(90 * dayMs);
  expect(ageMs).toBeLessThanOrEqual(91 * dayMs);
  expect(limit).toBeLessThanOrEqual(1_000);
});

test("the removal waits for its next turn if the store refuses", async () => {
  const { asked, store } = pruner([5, new Error("disk full"), 9]);
  await new Retention(store, { retainDays: 1, keepResultsMs: dayMs }, log).run();
  expect(asked).toHaveLength(2);
});

test("the removal starts by itself, and can be stopped in the middle", async () => {
  const { asked, store } = pruner([]);
  let retention: Retention | null = null;
  const stopped = new Promise<void>((resolve) => {
    const endless = async (beforeMs: number, limit: number): Promise<number> => {
      asked.push([beforeMs, limit]);
      if (asked.length === 2) resolve(retention!.stop());
      return 1;
    };
    retention = new Retention(
      { ...store, prune: endless },
      { retainDays: 1, keepResultsMs: dayMs },
      log,
    );
    retention.start(0);
  });
  await stopped;
  expect(asked).toHaveLength(2);
});
