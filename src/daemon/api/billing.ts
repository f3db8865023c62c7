// Requests about bills: a user's sums, and the check of the whole ledger.

import type { Store } from "../../core/ports/store.js";
import type { LedgerHead } from "../../model/records/account.js";
import type { AskedOf, BillAnswer } from "../../wire/api/types.js";
import type { Caller } from "./server/caller.js";
import type { Handlers } from "./server/register.js";
import { queueReports } from "./server/report-queue.js";
import { chosenUid, type UserNames } from "./users.js";

export interface BillingRoutes extends UserNames {
  readonly store: Store;
}

export function billingHandlers(deps: BillingRoutes): Pick<Handlers, "bill" | "verifyLedger"> {
  const reports = queueReports();
  return {
    bill: ({ caller, query }) => reports.run(caller.uid, () => bill(deps, caller, query)),
    verifyLedger: ({ caller, query, request }) => {
      request.act = { action: "verify" };
      return reports.run(caller.uid, () => deps.store.verifyLedger(knownHead(query)));
    },
  };
}

function knownHead({ head }: AskedOf<"verifyLedger", "query">): LedgerHead | undefined {
  if (head === undefined) return undefined;
  const [sequence, seal] = head.split(":");
  return { sequence: Number(sequence), seal: seal! };
}

async function bill(
  deps: BillingRoutes,
  caller: Caller,
  query: AskedOf<"bill", "query">,
): Promise<BillAnswer> {
  const uid = await chosenUid(deps, caller, query.user, "see the bill of");
  const { user: _, ...window } = query;
  const lines = await deps.store.bill({ ...window, ...(uid === undefined ? {} : { uid }) });
  const total = { invocations: 0, coreMs: 0, memoryMbMs: 0, amountMicroCredits: 0 };
  for (const line of lines) {
    total.invocations += line.invocations;
    total.coreMs += line.coreMs;
    total.memoryMbMs += line.memoryMbMs;
    total.amountMicroCredits += line.amountMicroCredits;
  }
  return { lines, total };
}
