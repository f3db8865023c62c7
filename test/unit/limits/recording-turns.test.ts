// Submissions that are being recorded: how many entries at once, and whose follows.

import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { RecordingTurns } from "../../../src/limits/recording-turns.js";

const [ada, bob] = [1, 2];

function recordings(turns: RecordingTurns) {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const record = (uid: number, entries: number, name: string, bytes = 5_000) =>
    void turns.run(uid, { entries, bytes }, () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  const endFirst = async () => {
    ends.shift()!();
    await turn();
  };
  return { begun, record, endFirst };
}

test("small submissions are recorded together up to a number of entries", async () => {
  const { begun, record, endFirst } = recordings(new RecordingTurns());
  for (let each = 0; each < 1_000; each++) record(ada, 100, "ada");
  record(bob, 100, "bob");
  const together = begun.length;
  expect(together * 100).toBeLessThanOrEqual(2_000);
  await endFirst();
  await endFirst();
  expect(begun.slice(together)).toEqual(["ada", "bob"]);
});

test("large ones are recorded one at a time, each user's in turn, and small ones pass", async () => {
  const { begun, record, endFirst } = recordings(new RecordingTurns());
  for (let each = 1; each <= 33; each++) record(ada, 9_000, `ada ${each}`);
  record(bob, 9_000, "bob");
  record(bob, 1, "bob's small one");
  expect(begun).toEqual(["ada 1", "bob's small one"]);
  for (let each = 0; each < 3; each++) await endFirst();
  expect(begun.slice(2)).toEqual(["ada 2", "bob"]);
});

test("a large script counts as large: several of them are never sent to the database together", async () => {
  const { begun, record, endFirst } = recordings(new RecordingTurns());
  for (let each = 1; each <= 4; each++) record(ada, 1, `ada ${each}`, 4_000_000);
  record(bob, 9_000, "bob");
  record(bob, 1, "bob's small one");
  expect(begun).toEqual(["ada 1", "bob's small one"]);
  for (let each = 0; each < 3; each++) await endFirst();
  expect(begun.slice(2)).toEqual(["ada 2", "bob"]);
});
