// Every route of the HTTP API, declared once: gleanerd registers them from here, and openapi.json
// and the SDK's types are derived from them.

import { z } from "zod";
import type { ErrorCode } from "../../model/errors.js";
import { maxCancelBytes, maxRequestBytes, maxTokenRequestBytes } from "./limits.js";
import * as authority from "./shapes/authority.js";
import * as cluster from "./shapes/cluster.js";
import * as invocations from "./shapes/invocations.js";
import * as reports from "./shapes/reports.js";

export interface Route {
  readonly method: "GET" | "POST";
  /** `:name` is a parameter. */
  readonly path: `/v1/${string}`;
  readonly subject: "invocations" | "cluster" | "reports" | "identity";
  /** As in "may not drain nodes". */
  readonly does: string;
  /** Further description, in sentences. */
  readonly description?: string;
  /** Everybody, users with a token, or only operators. */
  readonly who: "anybody" | "user" | "operator";
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** The limit on the body; maxSmallRequestBytes if omitted. */
  readonly maxBytes?: number;
  readonly answer: z.ZodType;
  /** In addition to those of every route (see errorsOf). */
  readonly errors?: readonly ErrorCode[];
}

export const routes = {
  challenge: {
    method: "GET",
    path: "/v1/challenge",
    subject: "identity",
    who: "anybody",
    does: "get a challenge",
    answer: authority.challengeAnswer,
  },
  token: {
    method: "POST",
    path: "/v1/token",
    subject: "identity",
    who: "anybody",
    does: "get a token",
    description:
      "The credential's payload names the challenge and the address that the client connected to.",
    body: authority.tokenRequest,
    maxBytes: maxTokenRequestBytes,
    answer: authority.tokenAnswer,
    errors: ["NOT_IDENTIFIED"],
  },
  openApi: {
    method: "GET",
    path: "/v1/openapi.json",
    subject: "identity",
    who: "anybody",
    does: "get this document",
    answer: z.looseObject({ openapi: z.string() }),
  },
  submit: {
    method: "POST",
    path: "/v1/invocations",
    subject: "invocations",
    who: "user",
    does: "submit an invocation or an array",
    description: "The answer comes once the submission is durable.",
    body: invocations.submitRequest,
    maxBytes: maxRequestBytes,
    answer: invocations.submitAnswer,
    errors: ["NOT_ALLOWED"],
  },
  list: {
    method: "GET",
    path: "/v1/invocations",
    subject: "invocations",
    who: "user",
    does: "list invocations",
    description: "A user sees their own invocations; an operator sees everybody's.",
    query: invocations.invocationQuery,
    answer: invocations.invocationList,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  detail: {
    method: "GET",
    path: "/v1/invocations/:id",
    subject: "invocations",
    who: "user",
    does: "show an invocation with its attempts",
    params: invocations.idParameter,
    answer: invocations.invocationDetail,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  wait: {
    method: "GET",
    path: "/v1/invocations/:id/wait",
    subject: "invocations",
    who: "user",
    does: "wait until an invocation or an array has ended",
    description:
      "Answers with all tasks once all have ended, or at the timeout with one that has not ended.",
    params: invocations.idParameter,
    query: invocations.waitQuery,
    answer: invocations.invocationList,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  cancel: {
    method: "POST",
    path: "/v1/cancel",
    subject: "invocations",
    who: "user",
    does: "cancel invocations",
    body: invocations.cancelRequest,
    maxBytes: maxCancelBytes,
    answer: invocations.cancelAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  info: {
    method: "GET",
    path: "/v1/info",
    subject: "cluster",
    who: "user",
    does: "get the cluster's nodes, holes and executors",
    answer: cluster.infoAnswer,
  },
  explain: {
    method: "GET",
    path: "/v1/explain/:what",
    subject: "cluster",
    who: "user",
    does: "explain what an invocation or a node waits for",
    params: cluster.whatParameter,
    answer: cluster.explainAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  holes: {
    method: "GET",
    path: "/v1/holes",
    subject: "cluster",
    who: "user",
    does: "get the idle cores that run nothing, and why",
    query: cluster.nodeQuery,
    answer: cluster.holesAnswer,
    errors: ["NOT_FOUND"],
  },
  drain: {
    method: "POST",
    path: "/v1/drain",
    subject: "cluster",
    who: "operator",
    does: "drain nodes",
    body: cluster.drainRequest,
    answer: cluster.drainAnswer,
  },
  resume: {
    method: "POST",
    path: "/v1/resume",
    subject: "cluster",
    who: "operator",
    does: "resume nodes",
    body: cluster.drainRequest,
    answer: cluster.drainAnswer,
  },
  doctor: {
    method: "GET",
    path: "/v1/doctor",
    subject: "cluster",
    who: "operator",
    does: "run the doctor",
    answer: cluster.doctorAnswer,
  },
  utilization: {
    method: "GET",
    path: "/v1/utilization",
    subject: "reports",
    who: "user",
    does: "get the utilization report",
    description:
      "If omitted, toMs is now, and fromMs is a day earlier, or the start of the records if that is later.",
    query: reports.windowQuery,
    answer: reports.utilization,
  },
  prediction: {
    method: "GET",
    path: "/v1/prediction",
    subject: "reports",
    who: "user",
    does: "get the report on predictions",
    answer: reports.predictionReport,
  },
  bill: {
    method: "GET",
    path: "/v1/bill",
    subject: "reports",
    who: "user",
    does: "get a bill",
    description: "A user gets their own bill; an operator gets everybody's, or the named user's.",
    query: reports.billQuery,
    answer: reports.billAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
  verifyLedger: {
    method: "GET",
    path: "/v1/bill/verify",
    subject: "reports",
    who: "operator",
    does: "check the whole ledger",
    query: reports.ledgerQuery,
    answer: reports.ledgerCheck,
  },
  audit: {
    method: "GET",
    path: "/v1/audit",
    subject: "reports",
    who: "operator",
    does: "read the audit log",
    query: authority.auditQuery,
    answer: authority.auditAnswer,
    errors: ["NOT_FOUND"],
  },
  revokeTokens: {
    method: "POST",
    path: "/v1/token/revoke",
    subject: "identity",
    who: "user",
    does: "revoke tokens",
    description: "A user revokes their own tokens; an operator may revoke anybody's.",
    body: authority.revokeRequest,
    answer: authority.revokeAnswer,
    errors: ["NOT_ALLOWED", "NOT_FOUND"],
  },
} as const satisfies Readonly<Record<string, Route>>;

/** All errors of a route: those that it declares, and those of any request. */
export function errorsOf({ who, errors = [] }: Route): readonly ErrorCode[] {
  const general: ErrorCode[] = ["BAD_REQUEST", "LIMIT_REACHED", "STORE"];
  if (who !== "anybody") general.push("NOT_IDENTIFIED");
  if (who === "operator") general.push("NOT_ALLOWED");
  return [...new Set([...general, ...errors])];
}
