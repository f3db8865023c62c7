// Requests about authority: the audit log, and the revocation of tokens.

import type { Store } from "../../core/ports/store.js";
import type { Audit } from "../auth/audit.js";
import type { TokenEpochs } from "../auth/token-epochs.js";
import { requireOperator } from "./server/caller.js";
import type { Handlers } from "./server/register.js";
import { chosenUid, type UserNames } from "./users.js";

export interface AuthorityRoutes extends UserNames {
  readonly store: Store;
  readonly epochs: TokenEpochs;
  readonly audit: Pick<Audit, "written">;
}

export function authorityHandlers(deps: AuthorityRoutes): Pick<Handlers, "audit" | "revokeTokens"> {
  const { store, epochs, audit } = deps;
  return {
    audit: async ({ caller, query: { user, ...query } }) => {
      const uid = await chosenUid(deps, caller, user, "read the audit log of");
      await audit.written();
      return { events: await store.listAudit({ ...query, ...(uid === undefined ? {} : { uid }) }) };
    },
    revokeTokens: async ({ caller, body: { user, all }, request }) => {
      if (all) requireOperator(caller, "revoke everybody's tokens");
      const own = user ?? String(caller.uid);
      const chosen = all ? null : await chosenUid(deps, caller, own, "revoke the tokens of");
      const uid = chosen ?? null;
      await epochs.revoke(uid);
      request.act = { action: "revoke", subject: uid === null ? "everybody" : `uid ${uid}` };
      return { uid };
    },
  };
}
