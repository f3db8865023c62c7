// Requests about authority: the audit log, and tokens that are to be void.

import type { FastifyInstance } from "fastify";
import type { Store } from "../../core/ports/store.js";
import type { AuditAnswer, RevokeAnswer } from "../../wire/api.js";
import type { Audit } from "../auth/audit.js";
import type { TokenEpochs } from "../auth/token-epochs.js";
import { auditQuery, revokeRequest, shaped } from "./schemas.js";
import { requireOperator } from "./server/server.js";
import { chosenUid, type UserNames } from "./users.js";

export interface AuthorityRoutes extends UserNames {
  readonly store: Store;
  readonly epochs: TokenEpochs;
  readonly audit: Pick<Audit, "written">;
}

export function addAuthorityRoutes(server: FastifyInstance, deps: AuthorityRoutes): void {
  const { store, epochs, audit } = deps;
  server.get("/v1/audit", async (request): Promise<AuditAnswer> => {
    requireOperator(request.caller, "read the audit log");
    const { user, ...query } = shaped(auditQuery, request.query);
    const uid = await chosenUid(deps, request.caller, user, "read the audit log of");
    const filter = Object.fromEntries(
      Object.entries({ uid, ...query }).filter(([, value]) => value !== undefined),
    );
    await audit.written();
    return { events: await store.listAudit({ ...filter, limit: query.limit }) };
  });
  server.post("/v1/token/revoke", async (request): Promise<RevokeAnswer> => {
    const { user, all } = shaped(revokeRequest, request.body);
    const { caller } = request;
    if (all) requireOperator(caller, "revoke everybody's tokens");
    const own = user ?? String(caller.uid);
    const uid = all ? null : ((await chosenUid(deps, caller, own, "revoke the tokens of")) ?? null);
    await epochs.revoke(uid);
    request.act = { action: "revoke", subject: uid === null ? "everybody" : `uid ${uid}` };
    return { uid };
  });
}
