// The HTTP server: identity before anything else, errors as sentences, limits on bodies and connections.

import { type Server, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import Fastify, {
  type ConnectionError,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyRequest,
} from "fastify";
import type { Logger } from "pino";
import { nowMs } from "../../../clock.js";
import { Semaphore } from "../../../limits/semaphore.js";
import { GleanerError, messageOf } from "../../../model/errors.js";
import type { Identity } from "../../../model/invocation.js";
import { isNamed } from "../../../model/user.js";
import { statusOf } from "../../../wire/api/errors.js";
import {
  maxHeadBytes,
  maxSmallRequestBytes,
  maxWaitMs,
  maxWordLength,
} from "../../../wire/api/limits.js";
import type { ErrorAnswer } from "../../../wire/api/types.js";
import type { Endpoint } from "../../../wire/credential.js";
import type { Act, Audit } from "../../auth/audit.js";
import { Challenges } from "../../auth/challenges.js";
import type { MungeAuthenticator } from "../../auth/munge.js";
import type { TlsFiles } from "../../auth/tls.js";
import type { TokenEpochs } from "../../auth/token-epochs.js";
import type { Secrets } from "../../auth/tokens.js";
import { openApiText } from "../openapi.js";
import { Admittance } from "./admittance.js";
import type { Caller } from "./caller.js";
import { register } from "./register.js";

/** Each is a process of root's that anybody can ask for; munged answers in a millisecond. */
const maxIdentifying = 16;
const maxWaitingToIdentify = 1_000;
/** A request that trickles in is cut off; a head is one packet or two. */
const requestTimeoutMs = 30_000;
const headTimeoutMs = 5_000;
/** How often both are looked at. */
const checkingMs = 1_000;
/** A connection on which nothing moves: longer than any wait. */
const idleMs = maxWaitMs + 30_000;

declare module "fastify" {
  interface FastifyRequest {
    caller: Caller;
    /** What is written into the audit log when the answer is a good one; null: nothing. */
    act: Act | null;
  }
  interface FastifyContextConfig {
    /** Asked for before there is a token. */
    isOpen?: boolean;
  }
}

export interface ServerDependencies {
  readonly secrets: Secrets;
  readonly munge: MungeAuthenticator;
  readonly operators: readonly string[];
  readonly tokenMs: number;
  readonly epochs: Pick<TokenEpochs, "of">;
  readonly audit: Pick<Audit, "note">;
  readonly log: Logger;
  /** Left out or null: connections are not encrypted. */
  readonly tls?: Pick<TlsFiles, "cert" | "key"> | null;
}

const serverOptions = {
  bodyLimit: maxSmallRequestBytes,
  requestTimeout: requestTimeoutMs,
  connectionTimeout: idleMs,
  // At the end, what is under way is given a second of its own: see daemon.ts.
  forceCloseConnections: true,
  http: {
    maxHeaderSize: maxHeadBytes,
    headersTimeout: headTimeoutMs,
    connectionsCheckingInterval: checkingMs,
  },
  routerOptions: { maxParamLength: maxWordLength },
  clientErrorHandler: refuseUnread,
} satisfies FastifyHttpOptions<Server>;

/** Fastify passes `https` on to node:https as it does `http`; its types know of two kinds of servers, which serve alike. */
function optionsFor(tls: ServerDependencies["tls"] | null): FastifyHttpOptions<Server> {
  if (!tls) return serverOptions;
  const { cert, key } = tls;
  const https = { ...serverOptions.http, cert, key, handshakeTimeout: headTimeoutMs };
  return { ...serverOptions, https } as FastifyHttpOptions<Server>;
}

/** A server with the door, and the routes that need no token; register() adds the others. */
export function createServer(deps: ServerDependencies): FastifyInstance {
  const server = Fastify(optionsFor(deps.tls ?? null));
  const admittance = new Admittance(server);
  const callerOf = (identity: Identity): Caller => ({
    ...identity,
    operator: isOperator(identity, deps.operators),
  });
  server.decorateRequest("caller");
  server.decorateRequest("act", null);
  server.addHook("onSend", async (request, reply) => {
    if (request.act !== null && reply.statusCode < 400)
      deps.audit.note(request.caller, request.ip, request.act);
  });
  server.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.config.isOpen === true) return;
    const identity = deps.secrets.readToken(bearerOf(request), nowMs(), (uid) =>
      deps.epochs.of(uid),
    );
    request.caller = callerOf(identity);
    await admittance.admit(request, reply);
  });
  addOpenRoutes(server, deps, callerOf);
  server.setNotFoundHandler((request, reply) => {
    const message = `there is no ${request.method} ${request.url.slice(0, 200)}: is the client of another version?`;
    return reply.code(404).send({ error: { code: "NOT_FOUND", message } } satisfies ErrorAnswer);
  });
  server.setErrorHandler((thrown: unknown, request, reply) => {
    const error = sentenceFor(thrown, request.routeOptions.bodyLimit);
    if (error === null) deps.log.error({ cause: thrown }, "a request met a bug");
    if (error?.code === "NOT_ALLOWED") noteRefusal(deps.audit, request, error.message);
    const { code, message } = error ?? {
      code: "STORE" as const,
      message: "the daemon met a bug with this request: its log has the details",
    };
    return reply.code(statusOf(code)).send({ error: { code, message } } satisfies ErrorAnswer);
  });
  return server;
}

/** What is answered before there is a token, and how a client gets one. */
function addOpenRoutes(
  server: FastifyInstance,
  deps: ServerDependencies,
  callerOf: (identity: Identity) => Caller,
): void {
  const challenges = new Challenges(deps.secrets.instance());
  const identifying = new Semaphore(maxIdentifying, {
    most: maxWaitingToIdentify,
    refusal: "too many clients ask for a token at once: try again in a moment",
  });
  register(server, {
    openApi: async ({ reply }) => reply.type("application/json; charset=utf-8").send(openApiText()),
    challenge: async () => challenges.issue(),
    token: async ({ body, request }) => {
      const { identity, payload } = await identifying.run(() =>
        deps.munge.identify(body.credential),
      );
      challenges.redeem(payload, identity.uid, reachedBy(request));
      const epoch = deps.epochs.of(identity.uid);
      const token = deps.secrets.issueToken(identity, nowMs() + deps.tokenMs, epoch);
      request.caller = callerOf(identity);
      request.act = { action: "token", detail: `good for ${deps.tokenMs} ms` };
      const { user, operator } = request.caller;
      return { token, validMs: deps.tokenMs, user, operator };
    },
  });
}

/** Somebody asked for what they may not. */
function noteRefusal(
  audit: ServerDependencies["audit"],
  request: FastifyRequest,
  detail: string,
): void {
  const subject = `${request.method} ${request.url}`;
  if (request.caller) audit.note(request.caller, request.ip, { action: "refuse", subject, detail });
}

/** Of what is no request, or is cut off, before there is a route: the connection ends with a sentence. */
function refuseUnread(error: ConnectionError, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const [status, message] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? [
          431,
          `the request's head is larger than ${maxHeadBytes} bytes: name fewer things at a time`,
        ]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? [408, `the request took longer than ${requestTimeoutMs} ms to arrive: try again`]
        : [400, "the request is no HTTP: is the client of another version?"];
  const answer: ErrorAnswer = { error: { code: "BAD_REQUEST", message } };
  const body = JSON.stringify(answer);
  if (socket.writable)
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  socket.destroy(error);
}

const isOperator = (identity: Identity, operators: readonly string[]): boolean =>
  identity.uid === 0 ||
  identity.uid === process.geteuid!() ||
  operators.some((operator) => isNamed(identity, operator));

/** The address that the client's connection reached. */
const reachedBy = ({ socket }: FastifyRequest): Endpoint => ({
  host: socket.localAddress ?? "",
  port: socket.localPort ?? 0,
});

function bearerOf(request: FastifyRequest): string {
  const match = /^Bearer ([\w.-]+)$/.exec(request.headers.authorization ?? "");
  if (match === null)
    throw new GleanerError("NOT_IDENTIFIED", "the request has no token: ask for one at /v1/token");
  return match[1]!;
}

/** null: nothing that a person could put right, so a bug. */
function sentenceFor(
  thrown: unknown,
  maxBytes: number | undefined,
): Pick<GleanerError, "code" | "message"> | null {
  if (thrown instanceof GleanerError) return thrown;
  const status = (thrown as { statusCode?: number }).statusCode;
  if (status === 413)
    return {
      code: "BAD_REQUEST",
      message: `the request is larger than ${maxBytes ?? maxSmallRequestBytes} bytes: put data into files, or name fewer things`,
    };
  if (status !== undefined && status < 500)
    return { code: "BAD_REQUEST", message: messageOf(thrown) };
  return null;
}
