// The HTTP API as an OpenAPI 3.1 document, generated from the routes and shapes that gleanerd
// itself uses.

import { z } from "zod";
import type { ErrorCode } from "../../model/errors.js";
import * as submission from "../../model/shapes/submission.js";
import { errorCodes, statusOf } from "../../wire/api/errors.js";
import { maxSmallRequestBytes } from "../../wire/api/limits.js";
import { errorsOf, type Route } from "../../wire/api/route.js";
import { routes } from "../../wire/api/routes.js";
import * as authority from "../../wire/api/shapes/authority.js";
import * as cluster from "../../wire/api/shapes/cluster.js";
import * as functions from "../../wire/api/shapes/functions.js";
import * as invocations from "../../wire/api/shapes/invocations.js";
import * as nodes from "../../wire/api/shapes/nodes.js";
import * as reports from "../../wire/api/shapes/reports.js";

const meanings: Readonly<Record<ErrorCode, string>> = {
  BAD_REQUEST: "the request is impossible, malformed or too large",
  NOT_IDENTIFIED: "the token or credential is missing or invalid: get a new token",
  NOT_ALLOWED: "the user may not do this",
  NOT_FOUND: "there is no such invocation, node, user or route",
  LIMIT_REACHED:
    "a named limit of the site or of gleanerd is reached: try again later, or request less",
  LEASE_NOT_GRANTED:
    "the lease has ended: too few workers served in time, or it ended before they did",
  CONFIG: "the configuration is wrong",
  SLURM: "a Slurm command failed",
  LAUNCH: "an executor could not start",
  PROTOCOL: "a peer violated the protocol",
  STORE: "the database failed, or gleanerd had an internal error: see its log",
  UNREACHABLE: "gleanerd, a host or a socket does not answer",
};

type Io = "input" | "output";
type Json = Readonly<Record<string, unknown>>;

const refTo = (name: string): string => `#/components/schemas/${name}`;

/** Parts of requests that are large or that several places refer to. */
const asked = {
  SubmitRequest: invocations.submitRequest,
  SubmissionRequest: submission.submissionRequest,
  OwnCommand: submission.ownCommand,
  TokenRequest: authority.tokenRequest,
  CancelRequest: invocations.cancelRequest,
  DrainRequest: cluster.drainRequest,
  RevokeRequest: authority.revokeRequest,
  DeployRequest: functions.deployRequest,
  AliasRequest: functions.aliasRequest,
};

const answered = {
  ErrorAnswer: authority.errorAnswer,
  ChallengeAnswer: authority.challengeAnswer,
  TokenAnswer: authority.tokenAnswer,
  RevokeAnswer: authority.revokeAnswer,
  AuditAnswer: authority.auditAnswer,
  AuditEvent: authority.auditEvent,
  SubmitAnswer: invocations.submitAnswer,
  InvocationList: invocations.invocationList,
  InvocationDetail: invocations.invocationDetail,
  Invocation: invocations.invocation,
  ListedInvocation: invocations.listedInvocation,
  Attempt: invocations.attempt,
  Command: submission.command,
  Identity: invocations.identity,
  CancelAnswer: invocations.cancelAnswer,
  BlobAnswer: functions.blobAnswer,
  DeployAnswer: functions.deployAnswer,
  FunctionList: functions.functionList,
  FunctionSummary: functions.functionSummary,
  FunctionDetail: functions.functionDetail,
  FunctionVersion: functions.functionVersion,
  AliasAnswer: functions.aliasAnswer,
  RemoveAnswer: functions.removeAnswer,
  InfoAnswer: cluster.infoAnswer,
  NodeInfo: nodes.nodeInfo,
  ExecutorInfo: nodes.executorInfo,
  Resources: nodes.resources,
  Hole: nodes.hole,
  UnusableNode: nodes.unusableNode,
  NodeUnkillable: nodes.nodeUnkillable,
  ExplainAnswer: cluster.explainAnswer,
  HolesAnswer: cluster.holesAnswer,
  DrainAnswer: cluster.drainAnswer,
  DoctorAnswer: cluster.doctorAnswer,
  Utilization: reports.utilization,
  PredictionReport: reports.predictionReport,
  BillAnswer: reports.billAnswer,
  BillLine: reports.billLine,
  LedgerCheck: reports.ledgerCheck,
};

let text: string | null = null;

/** As served and as checked in. */
export function openApiText(): string {
  text ??= `${JSON.stringify(openApi(), null, 2)}\n`;
  return text;
}

function openApi(): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Gleaner",
      version: "1",
      description:
        "The HTTP API of gleanerd. The version is the API's: /v1/info has gleanerd's own. Answers may get further fields, which clients ignore.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://{host}:828", variables: { host: { default: "localhost" } } }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      responses: Object.fromEntries(errorCodes.map((code) => [code, responseOf(code)])),
      schemas: { ...schemasOf(asked, "input"), ...schemasOf(answered, "output") },
    },
    "x-error-codes": Object.fromEntries(
      errorCodes.map((code) => [code, { status: statusOf(code), meaning: meanings[code] }]),
    ),
  };
}

function operation(name: string, route: Route): Json {
  const { does, description, subject, who, query, params, body, answer } = route;
  const parameters = [...parametersIn("path", params), ...parametersIn("query", query)];
  const forWhom = who === "operator" ? "For operators." : "";
  const more = [description, forWhom].filter(Boolean).join(" ");
  return {
    operationId: name,
    summary: does.charAt(0).toUpperCase() + does.slice(1),
    ...(more !== "" && { description: more }),
    tags: [subject],
    ...(who === "anybody" && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: requestBody(route, body) }),
    ...(route.streamed && { requestBody: bytesBody(route) }),
    responses: {
      200: { description: "Done", content: contentOf(answer) },
      ...errorResponses(route),
    },
  };
}

function requestBody({ maxBytes = maxSmallRequestBytes }: Route, body: z.ZodType): Json {
  return {
    required: true,
    description: `At most ${maxBytes} bytes`,
    content: jsonOf(schemaOf(asked, body, "input")),
  };
}

const bytesBody = ({ maxBytes, contentTypes = ["application/octet-stream"] }: Route): Json => ({
  required: true,
  description: maxBytes === undefined ? "Any length" : `At most ${maxBytes} bytes`,
  content: Object.fromEntries(contentTypes.map((type) => [type, {}])),
});

const contentOf = (answer: z.ZodType): Json =>
  answer === functions.contentAnswer
    ? { "application/octet-stream": {} }
    : jsonOf(schemaOf(answered, answer, "output"));

const jsonOf = (schema: Json): Json => ({ "application/json": { schema } });

const errorResponses = (route: Route): Json =>
  Object.fromEntries(
    errorsOf(route)
      .toSorted((one, other) => statusOf(one) - statusOf(other))
      .map((code) => [statusOf(code), { $ref: `#/components/responses/${code}` }]),
  );

const responseOf = (code: ErrorCode): Json => ({
  description: `${statusOf(code)}: ${meanings[code]}`,
  content: jsonOf({ $ref: refTo("ErrorAnswer") }),
});

function parametersIn(place: "path" | "query", shape: z.ZodObject | undefined): Json[] {
  if (shape === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(shape, "input") as {
    properties?: Readonly<Record<string, Json>>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }));
}

/** A reference, or the schema itself if no component has it. */
function schemaOf(components: object, shape: z.ZodType, io: Io): Json {
  const known = Object.entries(components).find(([, each]) => each === shape);
  return known === undefined ? jsonSchema(shape, io) : { $ref: refTo(known[0]) };
}

function jsonSchema(shape: z.ZodType, io: Io): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { io, override: simplifierOf(io) });
  return schema;
}

function schemasOf(components: Readonly<Record<string, z.ZodType>>, io: Io): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, shape] of Object.entries(components)) registry.add(shape, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: refTo, io, override: simplifierOf(io) });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  );
}

/** Omits the bounds of JavaScript's own numbers, and lets answers have further fields. */
const simplifierOf =
  (io: Io) =>
  ({ jsonSchema: schema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void => {
    if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
    if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
    if (io === "output" && schema.additionalProperties === false)
      delete schema.additionalProperties;
  };
