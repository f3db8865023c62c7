// The types of the HTTP API, inferred from its shapes and routes: for the SDK, which does not load
// zod, and for gleanerd.

import type { z } from "zod";
import type { Shaped, ShapedInput } from "../../model/shaped.js";
import type { Route } from "./route.js";
import type { routes } from "./routes.js";
import type * as authority from "./shapes/authority.js";
import type * as cluster from "./shapes/cluster.js";
import type * as functions from "./shapes/functions.js";
import type * as leases from "./shapes/leases.js";
import type * as nodes from "./shapes/nodes.js";

export type Routes = typeof routes;
export type RouteName = keyof Routes;

type ShapeOf<Name extends RouteName, Part extends keyof Route> =
  Routes[Name] extends Readonly<Record<Part, infer Shape extends z.ZodType>> ? Shape : null;

/** The parsed values of one part of a request; null if the route has none. */
export type AskedOf<Name extends RouteName, Part extends "params" | "query" | "body"> =
  ShapeOf<Name, Part> extends infer Shape extends z.ZodType ? Shaped<Shape> : null;

export type AnswerOf<Name extends RouteName> = Shaped<Routes[Name]["answer"]>;
export type BodyOf<Name extends RouteName> =
  ShapeOf<Name, "body"> extends infer Shape extends z.ZodType ? ShapedInput<Shape> : never;
export type QueryOf<Name extends RouteName> =
  ShapeOf<Name, "query"> extends infer Shape extends z.ZodType ? ShapedInput<Shape> : object;

type Filled<Path extends string> = Path extends `${infer Head}:${string}/${infer Rest}`
  ? `${Head}${string}/${Filled<Rest>}`
  : Path extends `${infer Head}:${string}`
    ? `${Head}${string}`
    : Path;

/** The path with a value in place of each parameter. */
export type PathOf<Name extends RouteName> = Filled<Routes[Name]["path"]>;

export type RouteNameOf<Method extends Route["method"]> = {
  [Name in RouteName]: Routes[Name]["method"] extends Method ? Name : never;
}[RouteName];

export type ErrorAnswer = Shaped<typeof authority.errorAnswer>;
export type ChallengeAnswer = AnswerOf<"challenge">;
export type TokenRequest = BodyOf<"token">;
export type TokenAnswer = AnswerOf<"token">;
export type RevokeRequest = BodyOf<"revokeTokens">;
export type RevokeAnswer = AnswerOf<"revokeTokens">;
export type AuditQuery = QueryOf<"audit">;
export type LedgerQuery = QueryOf<"verifyLedger">;
export type AuditAnswer = AnswerOf<"audit">;
export type SubmitRequest = BodyOf<"submit">;
export type SubmitAnswer = AnswerOf<"submit">;
export type InvocationQuery = QueryOf<"list">;
export type InvocationList = AnswerOf<"list">;
export type InvocationDetail = AnswerOf<"detail">;
export type RequeueRequest = BodyOf<"requeue">;
export type SubmissionList = AnswerOf<"submissions">;
export type UpdateRequest = BodyOf<"update">;
export type HoldRequest = BodyOf<"hold">;
export type HoldAnswer = AnswerOf<"hold">;
export type CancelRequest = BodyOf<"cancel">;
export type CancelAnswer = AnswerOf<"cancel">;
export type CallRequest = BodyOf<"call">;
export type CalledAnswer = AnswerOf<"call">;
export type MapRequest = BodyOf<"map">;
export type MapAnswer = AnswerOf<"map">;
export type ResultQuery = QueryOf<"results">;
export type ResultList = AnswerOf<"results">;
export type AnswerOfCall = AnswerOf<"answer">;
export type AnswerList = AnswerOf<"answers">;
export type OutcomeQuery = QueryOf<"outcomes">;
export type OutcomeList = AnswerOf<"outcomes">;
export type Outcome = OutcomeList["outcomes"][number];
export type PayloadText = AnswerOf<"input">;
export type FunctionLogQuery = QueryOf<"functionLog">;
export type FunctionLog = AnswerOf<"functionLog">;
export type CallLog = AnswerOf<"callLog">;
export type LeaseRequest = ShapedInput<typeof leases.leaseRequest>;
export type LeaseView = Shaped<typeof leases.lease>;
export type LeaseEndpoint = Shaped<typeof leases.leaseEndpoint>;
export type LeaseList = Shaped<typeof leases.leaseList>;
export type RenewAnswer = Shaped<typeof leases.renewAnswer>;
export type EndLeaseAnswer = Shaped<typeof leases.endAnswer>;
export type BlobAnswer = AnswerOf<"putBlob">;
export type CheckRequest = BodyOf<"checkFunction">;
export type DeployRequest = BodyOf<"deploy">;
export type DeployAnswer = AnswerOf<"deploy">;
export type FunctionQuery = QueryOf<"listFunctions">;
export type FunctionList = AnswerOf<"listFunctions">;
export type FunctionSummary = Shaped<typeof functions.functionSummary>;
export type FunctionDetail = AnswerOf<"showFunction">;
export type AliasAnswer = AnswerOf<"setAlias">;
export type SharingRequest = BodyOf<"shareFunction">;
export type RemoveAnswer = AnswerOf<"removeFunction">;
export type InfoAnswer = AnswerOf<"info">;
export type NodeInfo = Shaped<typeof nodes.nodeInfo>;
export type NodeUnkillable = Shaped<typeof nodes.nodeUnkillable>;
export type ExecutorInfo = Shaped<typeof nodes.executorInfo>;
export type ExplainAnswer = AnswerOf<"explain">;
export type HolesAnswer = AnswerOf<"holes">;
export type DrainRequest = BodyOf<"drain">;
export type DrainAnswer = AnswerOf<"drain">;
export type DoctorCheck = Shaped<typeof cluster.doctorCheck>;
export type DoctorAnswer = AnswerOf<"doctor">;
export type BillAnswer = AnswerOf<"bill">;
