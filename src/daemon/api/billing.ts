// Requests about bills: sums for a user, and the check of the whole ledger.

import type { FastifyInstance } from "fastify";
import type { Store } from "../../core/ports/store.js";
import type { BillAnswer } from "../../wire/api.js";
import { billQuery, shaped } from "./schemas.js";
import { queueReports } from "./server/report-queue.js";
import { type Caller, requireOperator } from "./server/server.js";
import { chosenUid, type UserNames } from "./users.js";

export interface BillingRoutes extends UserNames {
  readonly store: Store;
}

export function addBillingRoutes(server: FastifyInstance, deps: BillingRoutes): void {
  const reports = queueReports();
  server.get("/v1/bill", async ({ caller, query }) =>
    reports.run(caller.uid, () => bill(deps, caller, shaped(billQuery, query))),
  );
  server.get("/v1/bill/verify", async (request) => {
    const { caller } = request;
    requireOperator(caller, "check the whole ledger");
    request.act = { action: "verify" };
    return reports.run(caller.uid, () => deps.store.verifyLedger());
  });
}

async function bill(
  deps: BillingRoutes,
  caller: Caller,
  query: ReturnType<typeof shaped<typeof billQuery>>,
): Promise<BillAnswer> {
  const uid = await chosenUid(deps, caller, query.user, "see the bill of");
  const lines = await deps.store.bill({
    ...(uid === undefined ? {} : { uid }),
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
