// The shapes of requests: hostile until they fit; what does not is refused with the place named.

import { z } from "zod";
import { GleanerError } from "../../model/errors.js";
import { auditActions } from "../../model/records/audit.js";
import { userShape } from "../../model/user.js";
import {
  maxAuditListed,
  maxHostListLength,
  maxIdsLength,
  maxListed,
  maxNamedIds,
  maxNamedNodes,
  maxWaitMs,
  maxWordLength,
} from "../../wire/api.js";

const count = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
/** More than any node has, and than the hook's protocol can name. */
const maxGpus = 64;
const path = z.string().min(1).max(4_096);
const idText = z.string().regex(/^\d{1,10}(_\d{1,10})?$/, "must be like 42 or 42_7");
const userName = z.string().regex(userShape, "must be a user's name or uid");
const time = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Node names, a host list such as n[1-4], or `all`; expanded later, under a limit. */
const nodeText = z
  .string()
  .max(maxHostListLength)
  .regex(/^[A-Za-z0-9._,[\]-]+$/, "must be a node or a host list");
const state = z.enum([
  "PENDING",
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "TIMEOUT",
  "OUT_OF_MEMORY",
]);

const command = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("script"),
    body: z.string(),
    args: z.array(z.string()).max(4_096),
  }),
  z.strictObject({ kind: z.literal("argv"), argv: z.array(z.string()).min(1).max(4_096) }),
]);

export const tokenRequest = z.strictObject({ credential: z.string().max(4_096) });

export const submitRequest = z.strictObject({
  requestId: z.uuid(),
  submission: z.strictObject({
    name: z.string().min(1).max(256),
    command,
    cores: count,
    memoryMb: count.nullable(),
    memoryPerCoreMb: count.nullable(),
    gpus: z.int().min(0).max(maxGpus).default(0),
    timeLimitMs: count.nullable(),
    workingDirectory: path,
    stdoutPattern: path.nullable(),
    stderrPattern: path.nullable(),
    environment: z.record(z.string(), z.string()),
    arrayTasks: z.array(count).nullable(),
    notice: z
      .strictObject({
        signal: z.int().min(1).max(64),
        leadMs: count.nullable(),
        mainOnly: z.boolean(),
      })
      .nullable()
      .default(null),
    checkpoint: z.boolean().default(false),
  }),
});

const commaSeparated = z
  .string()
  .max(maxIdsLength)
  .transform((text) => text.split(","));
const someIds = commaSeparated.pipe(z.array(idText).max(maxNamedIds));
const someStates = commaSeparated.pipe(z.array(state).max(10));

export const invocationQuery = z.strictObject({
  user: userName.optional(),
  ids: someIds.optional(),
  states: someStates.optional(),
  sinceMs: time.optional(),
  limit: z.coerce.number().int().min(1).max(maxListed).default(maxListed),
});

export const idParameter = z.strictObject({ id: idText });
export const waitQuery = z.strictObject({
  timeoutMs: z.coerce.number().int().min(0).max(maxWaitMs).default(maxWaitMs),
});

export const cancelRequest = z.strictObject({
  ids: z.array(idText).max(maxNamedIds),
  user: userName.optional(),
  state: state.optional(),
  name: z.string().max(256).optional(),
});

export const whatParameter = z.strictObject({
  what: z
    .string()
    .max(maxWordLength)
    .regex(/^[A-Za-z0-9._-]+$/, "must be an invocation's id or a node's name"),
});
export const nodeQuery = z.strictObject({ node: nodeText.optional() });
export const windowQuery = z.strictObject({ fromMs: time.optional(), toMs: time.optional() });
export const billQuery = windowQuery.extend({ user: userName.optional() });
export const drainRequest = z.strictObject({
  nodes: z.array(nodeText).min(1).max(maxNamedNodes),
  now: z.boolean(),
});

export const auditQuery = billQuery.extend({
  action: z.enum(auditActions).optional(),
  limit: z.coerce.number().int().min(1).max(maxAuditListed).default(maxAuditListed),
});
export const revokeRequest = z.strictObject({
  user: userName.optional(),
  all: z.boolean().default(false),
});

/** The value in its shape; throws BAD_REQUEST with one sentence that names the place. */
export function shaped<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const place = issue.path.length === 0 ? "the request" : issue.path.join(".");
  throw new GleanerError("BAD_REQUEST", `${place}: ${complaintOf(issue)}`);
}

/** zod's own words are for programmers where something is too long, which happens to anybody. */
function complaintOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== "too_big") return issue.message;
  if (issue.origin === "array")
    return `more than ${issue.maximum} were given: give fewer at a time`;
  if (issue.origin === "string")
    return `longer than ${issue.maximum} characters: shorten it, or give less at a time`;
  return issue.message;
}
