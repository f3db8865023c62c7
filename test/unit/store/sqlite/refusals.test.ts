// Counts of refused options: by day and user, bounded, and removed with their days.

import { expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import { storeForEachTest } from "../../../support/store/store.js";

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

const dayMs = 86_400_000;

test("options are counted over users and days", async () => {
  await store.saveRefusals(1, ["time", "nodes"], 10);
  await store.saveRefusals(1, ["time"], 20);
  await store.saveRefusals(2, ["time"], dayMs + 5);
  expect(await store.listRefusals(0, 2 * dayMs)).toEqual([
    { option: "time", times: 3, users: 2, lastDayMs: dayMs },
    { option: "nodes", times: 1, users: 1, lastDayMs: 0 },
  ]);
  expect(await store.listRefusals(dayMs, 2 * dayMs)).toEqual([
    { option: "time", times: 1, users: 1, lastDayMs: dayMs },
  ]);
});

test("a user who invents names fills no disk, and still counts what is known", async () => {
  const names = Array.from({ length: 400 }, (_, at) => `x-${"a".repeat(at % 20)}-${at}`);
  await store.saveRefusals(1, ["time", ...names], 10);
  await store.saveRefusals(1, ["time"], 20);
  const found = await store.listRefusals(0, dayMs);
  expect(found).toHaveLength(150);
  expect(found[0]).toMatchObject({ option: "time", times: 2 });
});

test("they are removed with their days", async () => {
  await store.saveRefusals(1, ["time"], 10);
  await store.saveRefusals(1, ["time"], dayMs);
  while ((await store.prune(dayMs, 10)) > 0);
  expect(await store.listRefusals(0, 2 * dayMs)).toMatchObject([{ times: 1, lastDayMs: dayMs }]);
});
