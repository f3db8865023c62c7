// The ledger in the store: bills are exact sums, and a check finds whatever does not follow from
// the attempts.

import { describe, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { Store } from "../../../../src/core/ports/store.js";
import { type InvocationId, invocationId } from "../../../../src/model/ids.js";
import {
  sampleAttempt,
  sampleRequest,
  sampleResult,
  submitTo,
} from "../../../support/store/samples.js";
import { storeForEachTest } from "../../../support/store/store.js";

let file: string;
let store: Store;
storeForEachTest((opened, itsFile) => {
  [store, file] = [opened, itsFile];
});

async function runOne(
  requestId: string,
  result: { uid?: number; user?: string; wallMs?: number; endedAtMs?: number } = {},
): Promise<InvocationId> {
  const { uid = 1_000, user = "ada" } = result;
  const [invocation] = await submitTo(store, sampleRequest(requestId, { uid, user }));
  await store.beginAttempt(sampleAttempt(invocation!.id));
  await store.endAttempt(sampleResult(invocation!.id, 1, "COMPLETED", result));
  return invocation!.id;
}

/** Changes the file behind the store's back, past its guards. */
function corrupt(sql: string): void {
  const database = new Database(file);
  database.pragma("foreign_keys = OFF");
  database.exec("DROP TRIGGER posting_is_never_changed");
  database.exec(sql);
  database.close();
}

describe("bill", () => {
  test("sums by user within a period", async () => {
    await runOne("a", { wallMs: 1_000, endedAtMs: 10_000 });
    await runOne("b", { wallMs: 3_000, endedAtMs: 20_000 });
    await runOne("c", { uid: 1_001, user: "bob", wallMs: 500, endedAtMs: 20_000 });
    const ada = {
      uid: 1_000,
      user: "ada",
      otherNames: [],
      attempts: 2,
      coreMs: 8_000,
      heldCoreMs: 0,
      hotCoreMs: 0,
      memoryMbMs: 2_000_000,
      // 2 cores at 278 a second, and 500 MB of 1,024 at 28 a second, each attempt rounded down.
      amountMicroCredits: 556 + 13 + 1_668 + 41,
    };
    const known = { uid: 1_001, user: "bob", otherNames: [] };
    const bob = { ...known, attempts: 1, coreMs: 1_000, memoryMbMs: 250_000 };
    expect(await store.bill({})).toMatchObject([ada, { ...bob, amountMicroCredits: 278 + 6 }]);
    expect(await store.bill({ uid: 1_001 })).toMatchObject([bob]);
    expect(await store.bill({ uid: 1_002 })).toEqual([]);
    expect(await store.bill({ fromMs: 20_000 })).toMatchObject([{ attempts: 1 }, bob]);
    expect(await store.bill({ toMs: 20_000 })).toMatchObject([{ user: "ada", coreMs: 2_000 }]);
  });

  test("is per uid: a renamed user has one bill, and a reused name has two", async () => {
    await runOne("a", { uid: 1_000, user: "ada", endedAtMs: 10_000 });
    await runOne("b", { uid: 1_000, user: "ada@NEW.ORG", endedAtMs: 20_000 });
    await runOne("c", { uid: 1_001, user: "ada", endedAtMs: 30_000 });
    await runOne("d", { uid: 1_002, user: "1002", endedAtMs: 30_000 });
    expect(await store.bill({})).toMatchObject([
      { uid: 1_002, user: "1002", otherNames: [], attempts: 1 },
      { uid: 1_001, user: "ada", otherNames: [], attempts: 1 },
      { uid: 1_000, user: "ada@NEW.ORG", otherNames: ["ada"], attempts: 2 },
    ]);
    expect(await store.uidNamed("ada")).toBe(1_001);
    expect(await store.uidNamed("nobody")).toBeNull();
    const listed = await store.listInvocations({ uid: 1_000, limit: 10 });
    expect(listed.map(({ owner }) => owner.user)).toEqual(["ada", "ada@NEW.ORG"]);
  });

  test("rounds a sum that no number holds exactly to the nearest one", async () => {
    await runOne("a");
    await runOne("b");
    corrupt("UPDATE posting SET core_ms = 9007199254740991");
    expect(await store.bill({})).toMatchObject([{ coreMs: 2 * 9_007_199_254_740_991 }]);
  });
});

describe("verifyLedger", () => {
  test("balances on an empty ledger", async () => {
    expect(await store.verifyLedger()).toEqual({
      balanced: true,
      attempts: 0,
      postings: 0,
      ledgerMicroCredits: 0,
      recomputedMicroCredits: 0,
      head: { sequence: 0, seal: "" },
      differences: [],
    });
  });

  test("recomputes the sum", async () => {
    await runOne("a", { wallMs: 1_000 });
    await runOne("b", { wallMs: 3_000 });
    expect(await store.verifyLedger()).toMatchObject({
      balanced: true,
      attempts: 2,
      postings: 2,
      ledgerMicroCredits: 2_278,
      recomputedMicroCredits: 2_278,
    });
  });

  test.each([
    [
      "UPDATE posting SET amount_micro_credits = amount_micro_credits + 1",
      "costs 854 micro-credits but 855",
    ],
    ["UPDATE posting SET core_ms = 1", "3000 core-milliseconds but 1 were"],
    ["UPDATE posting SET memory_mb_ms = 1", "750000 MB-milliseconds but 1 were"],
    ["UPDATE posting SET owner_user = 'eve'", "is ada's but was posted to eve"],
    ["UPDATE posting SET owner_uid = 7", "is uid 1000's but was posted to uid 7"],
    ["DELETE FROM posting", "ended COMPLETED but was not posted"],
    ["UPDATE attempt SET wall_ms = wall_ms + 1", "3002 core-milliseconds but 3000 were"],
    ["UPDATE attempt SET state = 'LOST'", "ended LOST, which is not billed, but was posted"],
    ["UPDATE attempt SET number = 2", "attempt 1 of invocation 1 was posted but never begun"],
    [
      "UPDATE attempt SET state = 'RUNNING', ended_at_ms = NULL, wall_ms = NULL",
      "was posted but still runs",
    ],
  ])("finds: %s", async (sql, sentence) => {
    await runOne("a");
    corrupt(sql);
    const check = await store.verifyLedger();
    expect(check.balanced).toBe(false);
    expect(check.differences.join("\n")).toContain(sentence);
  });

  test("names at most ten differences", async () => {
    for (let index = 0; index < 12; index++) await runOne(`r${index}`);
    corrupt("UPDATE posting SET core_ms = 1");
    expect((await store.verifyLedger()).differences).toHaveLength(10);
  });

  test("relies on the database to refuse changes of postings", async () => {
    const id = await runOne("a");
    const database = new Database(file);
    expect(() => database.exec("UPDATE posting SET core_ms = 1")).toThrow("never changed");
    database.close();
    expect(id).toBe(invocationId(1));
  });
});
