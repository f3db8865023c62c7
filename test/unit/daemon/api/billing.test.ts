// The API's answers about bills: the sums of a user's lines, the requested time and user, and who
// may check the ledger.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type BillingRoutes, billingHandlers } from "../../../../src/daemon/api/billing.js";
import { TestApi } from "../../../support/daemon/api.js";

const lines = [
  {
    uid: 1_000,
    user: "u1000",
    attempts: 2,
    coreMs: 30,
    heldCoreMs: 4,
    hotCoreMs: 1,
    memoryMbMs: 500,
    amountMicroCredits: 7,
  },
  {
    uid: 1_001,
    user: "u1001",
    attempts: 3,
    coreMs: 5,
    heldCoreMs: 2,
    hotCoreMs: 2,
    memoryMbMs: 11,
    amountMicroCredits: 13,
  },
];

let api: TestApi;
let asked: unknown[];

beforeEach(async () => {
  asked = [];
  const store = {
    bill: async (query: object) => {
      asked.push(query);
      return lines;
    },
    verifyLedger: async (known?: object) => {
      asked.push(known);
      return { balanced: true };
    },
    uidNamed: async () => null,
  };
  const parts = { store, accounts: { byName: async () => null } };
  api = await TestApi.open(billingHandlers(parts as unknown as BillingRoutes));
});
afterEach(() => api.close());

test("a bill has its lines and their sums", async () => {
  expect(await api.ask("/v1/bill")).toEqual({
    status: 200,
    body: {
      lines,
      total: {
        attempts: 5,
        coreMs: 35,
        heldCoreMs: 6,
        hotCoreMs: 3,
        memoryMbMs: 511,
        amountMicroCredits: 20,
      },
    },
  });
});

test("a user gets their own bill, an operator everybody's, for the requested period", async () => {
  await api.ask("/v1/bill", 1_000);
  await api.ask("/v1/bill");
  await api.ask("/v1/bill?user=1001&fromMs=0&toMs=0");
  await api.ask("/v1/bill?fromMs=5");
  await api.ask("/v1/bill?toMs=9");
  expect(asked).toEqual([
    { uid: 1_000 },
    {},
    { uid: 1_001, fromMs: 0, toMs: 0 },
    { fromMs: 5 },
    { toMs: 9 },
  ]);
});

test("a user may not see another's bill", async () => {
  const { status, body } = await api.ask("/v1/bill?user=1001", 1_000);
  expect(status).toBe(403);
  expect(body.error.message).toMatch(/see the bill of 1001/);
  expect(asked).toEqual([]);
});

test("operators may check the ledger, and the audit log records it", async () => {
  expect(await api.ask("/v1/bill/verify")).toEqual({ status: 200, body: { balanced: true } });
  expect(api.acts).toEqual([{ action: "verify" }]);
  const { status, body } = await api.ask("/v1/bill/verify", 1_000);
  expect(status).toBe(403);
  expect(body.error.message).toMatch(/check the whole ledger/);
});

test("the ledger is checked against the head of an earlier check", async () => {
  const seal = "0a".repeat(32);
  await api.ask(`/v1/bill/verify?head=12:${seal}`);
  expect(asked).toEqual([{ sequence: 12, seal }]);
  for (const head of [
    "12",
    "12:",
    `0:${seal}`,
    `x:${seal}`,
    `12:${seal}0`,
    `12:${seal.toUpperCase()}`,
  ]) {
    const { status, body } = await api.ask(`/v1/bill/verify?head=${head}`);
    expect([status, body.error.message]).toEqual([400, expect.stringContaining("NUMBER:SEAL")]);
  }
});
