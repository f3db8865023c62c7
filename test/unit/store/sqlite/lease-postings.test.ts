// Postings of leases: up to three for an attempt, also for an evicted one, in bills, checks and
// sums of old days; a ledger from before there were kinds stays valid.

import { createHmac } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { Store } from "../../../../src/core/ports/store.js";
import type { AttemptEnd } from "../../../../src/model/invocation.js";
import { openForWriting } from "../../../../src/store/sqlite/database.js";
import { migrate } from "../../../../src/store/sqlite/migrate.js";
import {
  sampleAttempt,
  sampleRates,
  sampleRequest,
  sampleResult,
  submitTo,
} from "../../../support/store/samples.js";
import { type StoreFolder, storeForEachTest } from "../../../support/store/store.js";

const dayMs = 86_400_000;
let file: string;
let store: Store;
let folder: StoreFolder;
storeForEachTest((opened, itsFile, itsFolder) => {
  [store, file, folder] = [opened, itsFile, itsFolder];
});

const leases = { ...sampleRates.leases, hotMicroCreditsPerCoreSecond: 1_000 };
const rates = { ...sampleRates, leases };
/** Each attempt holds two cores for 1.5 s, and uses 1.2 s of processor time, 1 s of it hot. */
const lease = { cpuMs: 1_200, hotMs: 1_000, rates };

let requests = 0;
async function runLease(endedAtMs = 4_000, ends: AttemptEnd[] = ["EVICTED", "LOST", "COMPLETED"]) {
  const [invocation] = await submitTo(store, sampleRequest(`r${++requests}`));
  for (const [index, end] of ends.entries()) {
    await store.beginAttempt(sampleAttempt(invocation!.id, index + 1));
    const result = sampleResult(invocation!.id, index + 1, end, { ...lease, endedAtMs });
    await store.endAttempt(result);
  }
}

const bills = async () => [await store.bill({}), await store.verifyLedger()] as const;

test("an evicted lease is billed, by what its core-time was, and so stays when it is old", async () => {
  await runLease();
  const { useful, unfinished, leased } = await store.loadUtilization(0, dayMs);
  // Nobody measured the one that is lost.
  expect([useful, unfinished, leased].map(({ length }) => length)).toEqual([2, 1, 2]);
  const before = await bills();
  expect(before).toMatchObject([
    [
      {
        attempts: 2,
        coreMs: 6_000,
        heldCoreMs: 2 * 1_800,
        hotCoreMs: 2 * 1_000,
        memoryMbMs: 2 * 750_000,
        // Hot core-seconds cost 1,000; memory is held; each posting is rounded down.
        amountMicroCredits: 2 * (55 + (500 + 20) + 1_000),
      },
    ],
    { balanced: true, attempts: 2, postings: 6 },
  ]);
  while ((await store.prune(5 * dayMs, 3)) > 0);
  expect(await store.listInvocations({ limit: 9 })).toEqual([]);
  expect(await bills()).toEqual(before);
});

test.each([
  ["UPDATE attempt SET hot_ms = 900, spin_ms = 0", "used 300 core-milliseconds but 200 were"],
  [
    "UPDATE attempt SET hot_ms = NULL, spin_ms = NULL",
    "EVICTED, which is not billed, but was posted",
  ],
  [
    "UPDATE attempt SET state = 'LOST' WHERE number = 1",
    "LOST, which is not billed, but was posted",
  ],
  ["DELETE FROM posting WHERE kind = 'held'", "EVICTED but was not posted as held"],
  ["DELETE FROM posting WHERE attempt = 1", "EVICTED but was not posted"],
  ["UPDATE attempt SET cpu_ms = 1100", "used 100 core-milliseconds but 200 were"],
  ["UPDATE attempt SET cores = 1", "core-milliseconds but"],
  ["UPDATE posting SET kind = 'hot' WHERE kind = 'held' AND attempt = 3", "not as gleanerd wrote"],
])("the check finds %s", async (sql, said) => {
  await runLease(4_000, ["EVICTED", "LOST", "COMPLETED"]);
  const database = new Database(file);
  database.exec("DROP TRIGGER posting_is_never_changed; DROP TRIGGER posting_deleted_is_summed");
  // A key that is free.
  if (sql.includes("'hot'"))
    database.exec("DELETE FROM posting WHERE kind = 'hot' AND attempt = 3");
  database.exec(sql);
  database.close();
  const { balanced, differences } = await store.verifyLedger();
  expect(balanced).toBe(false);
  expect(differences.join("\n")).toContain(said);
});

/** A seal as gleanerd 0.2.0 made it. */
const seal = (...values: readonly (string | number)[]) =>
  createHmac("sha256", Buffer.from("5eed".repeat(16), "hex"))
    .update(JSON.stringify(values.map(String)))
    .digest("hex");

/** One run on record, and another one in the sum of its day. */
function writeOldLedger(oldFile: string): void {
  const migrations = join(dirname(oldFile), "migrations");
  mkdirSync(dirname(oldFile), { mode: 0o700 });
  cpSync(join(folder.folder, "migrations"), migrations, { recursive: true });
  for (const name of readdirSync(migrations)) if (name > "0007") rmSync(join(migrations, name));
  const database = openForWriting(oldFile);
  migrate(database, migrations);
  const posting = [2, "first", 2, 1, 1_000, "ada", 3_000, 750_000, 854, 278, 28, 4_000];
  const own = seal("posting", ...posting);
  const day = [0, 1_000, "ada", 1, 3_000, 750_000, 854, 1, 854];
  const values = (list: readonly (string | number)[]) =>
    list.map((each) => (typeof each === "number" ? each : `'${each}'`)).join(", ");
  database.exec(`
    INSERT INTO document (id, hash, body) VALUES (1, x'00', '{}');
    INSERT INTO submission (id, request_id, owner_uid, owner_gid, owner_user, name, cores, memory_mb, gpus,
      time_limit_ms, submitted_at_ms, tasks, function_key, document_bytes, command, environment, terms)
      VALUES (2, 'r', 1000, 100, 'ada', 'sum', 2, 500, 0, 60000, 1, 1, 'f', 0, 1, 1, '{}');
    INSERT INTO invocation (id, submission, state, attempt, ended_at_ms) VALUES (2, 2, 'COMPLETED', 1, 4000);
    INSERT INTO attempt (invocation, number, executor, node, cores, memory_mb, gpus, state, started_at_ms,
      started_monotonic_ms, ended_at_ms, wall_ms, cpu_ms)
      VALUES (2, 1, 'e1', 'n1', 2, 500, 0, 'COMPLETED', 1, 1, 4000, 1500, 1500);
    INSERT INTO posting VALUES (${values([...posting, own])});
    INSERT INTO ledger_day VALUES (${values([...day, seal("day", ...day)])});
    INSERT INTO ledger_removed VALUES (${values([1, 1, seal("removed", 1, 1)])});
    INSERT INTO ledger_head VALUES (${values([1, 2, own, seal("head", 2, own)])});`);
  database.close();
}

test("the ledger of 0.2.0 stays valid, and takes postings of leases", async () => {
  const oldFile = folder.newFile();
  writeOldLedger(oldFile);
  store = await folder.open(oldFile);
  const before = await bills();
  expect(before).toMatchObject([
    [{ attempts: 2, coreMs: 6_000, heldCoreMs: 0 }],
    { balanced: true, attempts: 2, postings: 2, differences: [] },
  ]);
  await runLease(dayMs);
  while ((await store.prune(5 * dayMs, 3)) > 0);
  expect(await bills()).toMatchObject([
    [{ attempts: 4, coreMs: 12_000 }],
    { balanced: true, attempts: 4, postings: 8, differences: [] },
  ]);
});
