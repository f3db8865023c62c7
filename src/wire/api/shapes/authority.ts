// Shapes for identity and authority: challenge, tokens, the audit log; and the shape of an error.

import { z } from "zod";
import { type AuditEvent, auditActions } from "../../../model/records/audit.js";
import { errorCodes } from "../errors.js";
import { maxAuditListed } from "../limits.js";
import { shapeOf, time, userName, whole } from "./common.js";
import { billQuery } from "./reports.js";

export const errorAnswer = z.strictObject({
  error: z.strictObject({
    code: z.enum(errorCodes),
    message: z.string().describe("One sentence that says what to do"),
  }),
});

export const challengeAnswer = z.strictObject({
  instance: z.string().describe("Names the gleanerd that answers"),
  nonce: z.string().describe("Valid once, for a minute"),
});
export const tokenRequest = z.strictObject({
  credential: z.string().max(4_096).describe("A munge credential"),
});
export const tokenAnswer = z.strictObject({
  token: z.string(),
  validMs: whole.describe("From now on"),
  user: z.string(),
  operator: z.boolean(),
});

export const revokeRequest = z.strictObject({
  user: userName.exactOptional().describe("If omitted, the caller"),
  all: z.boolean().default(false).describe("Everybody's tokens; for operators"),
});
export const revokeAnswer = z.strictObject({
  uid: whole.nullable().describe("Whose tokens are void; null: everybody's"),
});

const action = z.enum(auditActions);
export const auditQuery = billQuery.extend({
  action: action.exactOptional(),
  limit: z.coerce.number<number>().int().min(1).max(maxAuditListed).default(maxAuditListed),
});
export const auditEvent = shapeOf<AuditEvent>()(
  z.strictObject({
    atMs: time,
    uid: whole,
    user: z.string(),
    operator: z.boolean(),
    source: z.string().describe("The address that the request came from"),
    action,
    subject: z.string().describe("What it was done to: ids, nodes, a user"),
    detail: z.string(),
  }),
);
export const auditAnswer = z.strictObject({
  events: z.array(auditEvent).describe("The newest first"),
});
