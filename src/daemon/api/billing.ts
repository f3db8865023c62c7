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

const nothing = {
  attempts: 0,
  coreMs: 0,
  heldCoreMs: 0,
  hotCoreMs: 0,
  memoryMbMs: 0,
  amountMicroCredits: 0,
};
const sums = Object.keys(nothing) as (keyof typeof nothing)[];

async function bill(
  deps: BillingRoutes,
  caller: Caller,
  query: AskedOf<"bill", "query">,
): Promise<BillAnswer> {
  const uid = await chosenUid(deps, caller, query.user, "see the bill of");
  const { user: _, ...window } = query;
  const lines = await deps.store.bill({ ...window, ...(uid === undefined ? {} : { uid }) });
  const total = { ...nothing };
  for (const line of lines) for (const sum of sums) total[sum] += line[sum];
  return { lines, total };
}
