// An attacker who can write to the database, but has not the key: the ledger's check finds whatever
// they forge or remove.

import { copyFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { Store } from "../../../../../src/core/ports/store.js";
import {
  sampleAttempt,
  sampleRequest,
  sampleResult,
  submitTo,
} from "../../../../support/store/samples.js";
import { type StoreFolder, storeForEachTest } from "../../../../support/store/store.js";

const dayMs = 86_400_000;
let file: string;
let store: Store;
let folder: StoreFolder;
storeForEachTest((opened, itsFile, itsFolder) => {
  [store, file, folder] = [opened, itsFile, itsFolder];
});

let requests = 0;
async function runOne(endedAtMs = 4_000): Promise<void> {
  const [invocation] = await submitTo(store, sampleRequest(`r${++requests}`));
  await store.beginAttempt(sampleAttempt(invocation!.id));
  await store.endAttempt(sampleResult(invocation!.id, 1, "COMPLETED", { endedAtMs }));
}

/** Changes the file behind the store's back, with all triggers and keys out of the way. */
function forge(sql: string): void {
  const database = new Database(file);
  database.pragma("foreign_keys = OFF");
  const triggers = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    .pluck()
    .all();
  for (const name of triggers) database.exec(`DROP TRIGGER ${name}`);
  database.exec(sql);
  database.close();
}

const check = async () => {
  const { balanced, differences } = await store.verifyLedger();
  return { balanced, said: differences.join("\n") };
};

/** All of invocation 2: with its attempt, its posting and itself. */
const removeSecond =
  "DELETE FROM posting WHERE invocation = 2; DELETE FROM attempt WHERE invocation = 2; DELETE FROM invocation WHERE id = 2;";
const columns =
  "owner_uid, owner_user, core_ms, memory_mb_ms, amount_micro_credits, micro_credits_per_core_second, micro_credits_per_gb_second, posted_at_ms, seal";

test.each([
  [
    "a run made shorter, and its posting with it",
    `UPDATE attempt SET wall_ms = 0 WHERE invocation = 2;
     UPDATE posting SET core_ms = 0, memory_mb_ms = 0, amount_micro_credits = 0 WHERE invocation = 2`,
    "the posting of attempt 1 of invocation 2 is not as gleanerd wrote it",
  ],
  [
    "a run given to another user, with its submission and posting",
    `UPDATE submission SET owner_uid = 7, owner_user = 'eve' WHERE id = 2;
     UPDATE posting SET owner_uid = 7, owner_user = 'eve' WHERE invocation = 2`,
    "the posting of attempt 1 of invocation 2 is not as gleanerd wrote it",
  ],
  [
    "a run removed with all that tells of it",
    removeSecond,
    "3 postings were made, but 2 are in the ledger",
  ],
  [
    "the last run removed",
    removeSecond.replaceAll("= 2", "= 3"),
    "3 postings were made, but 2 are in the ledger",
  ],
  [
    "the last run removed, and the head set back",
    `${removeSecond.replaceAll("= 2", "= 3")}
     UPDATE ledger_head SET sequence = 2, seal = (SELECT seal FROM posting WHERE sequence = 2)`,
    "the head of the ledger is not as gleanerd wrote it",
  ],
  ["the head", "DELETE FROM ledger_head", "the head of the ledger is not as gleanerd wrote it"],
  [
    "a run added with another's seal",
    `INSERT INTO invocation (id, submission, state, attempt, ended_at_ms) VALUES (9, 2, 'COMPLETED', 1, 4000);
     CREATE TEMP TABLE copy AS SELECT * FROM attempt WHERE invocation = 2; UPDATE copy SET invocation = 9;
     INSERT INTO attempt SELECT * FROM copy;
     INSERT INTO posting (sequence, previous_seal, invocation, attempt, kind, ${columns})
       SELECT 4, 'x', 9, 1, kind, ${columns} FROM posting WHERE invocation = 2`,
    "the posting of attempt 1 of invocation 9 is not as gleanerd wrote it",
  ],
  [
    "two postings exchanged",
    `UPDATE posting SET sequence = 9 WHERE sequence = 1; UPDATE posting SET sequence = 1 WHERE sequence = 2;
     UPDATE posting SET sequence = 2 WHERE sequence = 9`,
    "is not as gleanerd wrote it",
  ],
])("the check finds %s", async (_what, sql, sentence) => {
  for (let run = 0; run < 3; run++) await runOne();
  expect(await check()).toEqual({ balanced: true, said: "" });
  forge(sql);
  expect(await check()).toEqual({ balanced: false, said: expect.stringContaining(sentence) });
});

test.each([
  [
    "a sum made smaller on both sides",
    "UPDATE ledger_day SET core_ms = 0, amount_micro_credits = 1, recomputed_micro_credits = 1",
    "the sums of ada for day 1 are not as gleanerd wrote them",
  ],
  ["a sum removed", "DELETE FROM ledger_day", "2 postings were made, but 0 are in the ledger"],
])(
  "the check finds %s after the postings were removed for their age",
  async (_what, sql, sentence) => {
    for (let run = 0; run < 2; run++) await runOne(dayMs + run);
    while ((await store.prune(4 * dayMs, 1)) > 0);
    expect(await check()).toEqual({ balanced: true, said: "" });
    forge(sql);
    expect(await check()).toEqual({ balanced: false, said: expect.stringContaining(sentence) });
  },
);

/** Everything of these invocations, as somebody might have copied it before it was removed. */
function copyOf(...ids: number[]): string {
  const database = new Database(file, { readonly: true });
  const list = ids.join();
  const inserts = [
    ["document", "TRUE"],
    ["submission", `id IN (SELECT submission FROM invocation WHERE id IN (${list}))`],
    ["invocation", `id IN (${list})`],
    ["attempt", `invocation IN (${list})`],
    ["posting", `invocation IN (${list})`],
  ].flatMap(([table, which]) =>
    database
      .prepare<[], Record<string, unknown>>(`SELECT * FROM ${table} WHERE ${which}`)
      .all()
      .map((row) => {
        const values = Object.values(row).map((value) =>
          value === null
            ? "NULL"
            : typeof value === "number"
              ? value
              : Buffer.isBuffer(value)
                ? `x'${value.toString("hex")}'`
                : `'${String(value).replaceAll("'", "''")}'`,
        );
        return `INSERT OR IGNORE INTO ${table} (${Object.keys(row).join()}) VALUES (${values.join()});`;
      }),
  );
  database.close();
  return inserts.join("\n");
}

test("finds a run that was exchanged for one that had been removed for its age", async () => {
  for (let run = 0; run < 3; run++) await runOne(dayMs + run);
  const old = copyOf(2);
  while ((await store.prune(4 * dayMs, 1)) > 0);
  for (let run = 0; run < 3; run++) await runOne(5 * dayMs + run);
  expect(await check()).toEqual({ balanced: true, said: "" });
  forge(removeSecond.replaceAll("= 2", "= 5"));
  forge(old);
  const { balanced, said } = await check();
  expect(balanced).toBe(false);
  expect(said).toContain("posting 2 of the ledger is there although it was removed, or twice");
  expect(said).toContain("posting 5 of the ledger is missing");
});

test("finds a range of removed postings that was forged, and lets no other join it", async () => {
  for (let run = 0; run < 3; run++) await runOne(dayMs + run);
  await store.prune(dayMs + 1, 1);
  forge("UPDATE ledger_removed SET last = 2");
  expect((await check()).said).toContain(
    "the record of the removed postings 1 to 2 is not as gleanerd wrote it",
  );
  while ((await store.prune(4 * dayMs, 1)) > 0);
  expect((await check()).said).toContain("the removed postings 1 to 2 is not as gleanerd wrote it");
});

test("postings that are removed in any order leave one range", async () => {
  for (const endedAtMs of [3, 1, 2, 5, 4]) await runOne(dayMs + endedAtMs);
  for (let calls = 0; calls < 5; calls++) {
    await store.prune(4 * dayMs, 1);
    expect(await check()).toEqual({ balanced: true, said: "" });
  }
  const database = new Database(file, { readonly: true });
  const ranges = database.prepare("SELECT first, last FROM ledger_removed").all();
  database.close();
  expect(ranges).toEqual([{ first: 1, last: 5 }]);
});

test("later postings and retention never give forged data a valid seal", async () => {
  await runOne(dayMs);
  await store.prune(4 * dayMs, 9);
  await runOne(dayMs + 1);
  await runOne(5 * dayMs);
  forge(
    "UPDATE ledger_day SET amount_micro_credits = 1, recomputed_micro_credits = 1; UPDATE ledger_head SET sequence = 2",
  );
  await runOne(5 * dayMs);
  await store.prune(4 * dayMs, 9);
  const { said } = await check();
  expect(said).toContain("the head of the ledger is not as gleanerd wrote it");
  expect(said).toContain("the sums of ada for day 1 are not as gleanerd wrote them");
  // The posting that would have joined the forged sum stays.
  expect((await store.listInvocations({ limit: 9 })).length).toBe(3);
});

test("the chain continues after a restart, but only with the same key", async () => {
  await runOne();
  await store.close();
  store = await folder.open(file);
  await runOne();
  expect(await check()).toEqual({ balanced: true, said: "" });
});

test("a restored older database is found by a head that was kept", async () => {
  await runOne();
  const { head: first } = await store.verifyLedger();
  await store.close();
  copyFileSync(file, `${file}.old`);
  store = await folder.open(file);
  await runOne();
  const { head: kept } = await store.verifyLedger(first);
  expect(kept.sequence).toBe(2);
  await runOne();
  expect(await store.verifyLedger(kept)).toMatchObject({ balanced: true, differences: [] });
  await store.close();
  copyFileSync(`${file}.old`, file);
  store = await folder.open(file);
  expect(await store.verifyLedger()).toMatchObject({ balanced: true, head: first });
  expect(await store.verifyLedger(kept)).toMatchObject({
    balanced: false,
    differences: [expect.stringContaining("the ledger has only 1: an older database was restored")],
  });
  // Another length gives another seal.
  await runOne(5_000);
  expect(await store.verifyLedger(kept)).toMatchObject({
    balanced: false,
    differences: [
      expect.stringContaining("posting 2 differs from the one that the given head names"),
    ],
  });
  expect(await store.verifyLedger(first)).toMatchObject({ balanced: true });
});

test("a head whose posting was removed for its age is continued", async () => {
  await runOne(dayMs);
  const { head } = await store.verifyLedger();
  while ((await store.prune(4 * dayMs, 1)) > 0);
  expect(await store.verifyLedger(head)).toMatchObject({ balanced: true, head });
});
