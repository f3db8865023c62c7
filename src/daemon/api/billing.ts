// Requests about bills: sums for a user, and the check of the whole ledger.

import type { FastifyInstance } from "fastify";
import type { Store } from "../../core/ports.js";
import { GleanerError } from "../../model/errors.js";
import type { BillAnswer } from "../../wire/api.js";
import { reportTurns } from "../turnstile.js";
import { billQuery, shaped } from "./schemas.js";
import { type Caller, requireOperator } from "./server.js";

export function addBillingRoutes(server: FastifyInstance, store: Store): void {
  const turns = reportTurns();
  server.get("/v1/bill", async ({ caller, query }) =>
    turns.pass(caller.uid, () => bill(store, caller, shaped(billQuery, query))),
  );
  server.get("/v1/bill/verify", async ({ caller }) => {
    requireOperator(caller, "check the whole ledger");
    return turns.pass(caller.uid, () => store.verifyLedger());
  });
}

async function bill(
  store: Store,
  caller: Caller,
  query: ReturnType<typeof shaped<typeof billQuery>>,
): Promise<BillAnswer> {
  if (query.user !== undefined && query.user !== caller.user && !caller.operator)
    throw new GleanerError(
      "NOT_ALLOWED",
      `${caller.user} may not see the bill of ${query.user}: leave out -u`,
    );
  const user = caller.operator ? query.user : caller.user;
  const lines = await store.bill({
    ...(user === undefined ? {} : { user }),
    ...(query.fromMs === undefined ? {} : { fromMs: query.fromMs }),
    ...(query.toMs === undefined ? {} : { toMs: query.toMs }),
  });
  const total = { invocations: 0, coreMs: 0, memoryMbMs: 0, amountMicroCredits: 0 };
  for (const line of lines) {
    total.invocations += line.invocations;
    total.coreMs += line.coreMs;
    total.memoryMbMs += line.memoryMbMs;
    total.amountMicroCredits += line.amountMicroCredits;
  }
  return { lines, total };
}
