// What `glean run` says of a notice: whether its place or its time is about to end.

import { expect, test } from "@jest/globals";
import type { RunSettings } from "../../../../src/cli/run/options.js";
import { Tasks } from "../../../../src/cli/run/tasks.js";
import { monotonicMs } from "../../../../src/clock.js";

function saidOf(askedMs: number | null, recordedMs: number | null, afterMs: number): string {
  const said: string[] = [];
  const needs = { timeLimitMs: askedMs, notice: { signal: 10, leadMs: 5_000, mainOnly: true } };
  const settings = { needs, quiet: false } as RunSettings;
  const tasks = new Tasks(
    1,
    settings,
    (sentence) => said.push(sentence),
    () => {},
  );
  tasks.begin();
  tasks.started("n1");
  tasks.noticed("42", recordedMs, monotonicMs() + afterMs);
  return said.join("\n");
}

test("a notice is told to be the time limit's by the limit that it has now", () => {
  const limit = /^job 42 reaches its time limit within [0-5] s: save your work$/;
  expect(saidOf(60_000, null, 55_000)).toMatch(limit);
  expect(saidOf(600_000, 60_000, 55_000)).toMatch(limit);
  expect(saidOf(null, 60_000, 55_000)).toMatch(limit);
  const hole = "the hole on n1 closes within 5 s: save your work";
  expect(saidOf(60_000, 600_000, 55_000)).toBe(hole);
  expect(saidOf(null, null, 55_000)).toBe(hole);
});
