// The HTTP server: authentication first, errors as sentences, limits on bodies and connections.

import type { Server } from "node:http";
import Fastify, {
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import type { Logger } from "pino";
import { nowMs } from "../../../clock.js";
import { Semaphore } from "../../../limits/semaphore.js";
import { GleanerError, messageOf } from "../../../model/errors.js";
import { statusOf } from "../../../wire/api/errors.js";
import {
  maxHeadBytes,
  maxSmallRequestBytes,
  maxWaitMs,
  maxWordLength,
} from "../../../wire/api/limits.js";
import type { ErrorAnswer } from "../../../wire/api/types.js";
import type { Endpoint } from "../../../wire/munge/credential.js";
import type { Act, Audit } from "../../auth/audit.js";
import { Challenges } from "../../auth/challenges.js";
import type { MungeAuthenticator } from "../../auth/munge.js";
import type { TlsFiles } from "../../auth/tls.js";
import type { TokenEpochs } from "../../auth/token-epochs.js";
import type { Secrets } from "../../auth/tokens.js";
import { openApiText } from "../openapi.js";
import { Admittance, goOn } from "./admittance.js";
import { limitArrival } from "./arrival.js";
import type { Caller } from "./caller.js";
import { Gate } from "./gate.js";
import { badRequest, headTimeoutMs, refuseUnread, refuseUnusual } from "./refusals.js";
import { register } from "./register.js";

/** Each is a root process that anybody can trigger; munged answers within a millisecond. */
const maxIdentifying = 16;
const maxWaitingToIdentify = 1_000;
/** How often both are checked. */
const checkingMs = 1_000;
/** When a connection without traffic is closed: later than the longest wait. */
const idleMs = maxWaitMs + 30_000;

declare module "fastify" {
  interface FastifyRequest {
    caller: Caller;
    /** The audit record that a successful answer causes; null if none. */
    act: Act | null;
  }
  interface FastifyInstance {
    gate: Gate;
    admittance: Admittance;
  }
  interface FastifyContextConfig {
    /** Whether the route needs no token. */
    isOpen?: boolean;
    /** Whether the handler reads the body as it arrives. */
    isStreamed?: boolean;
    /** Whether the body may take any time, as long as some of it arrives. */
    isOpenEnded?: boolean;
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
  /** null or omitted if connections are not encrypted. */
  readonly tls?: Pick<TlsFiles, "cert" | "key"> | null;
}

const serverOptions = {
  bodyLimit: maxSmallRequestBytes,
  connectionTimeout: idleMs,
  // When gleanerd stops, running requests get a second of their own: see daemon.ts.
  forceCloseConnections: true,
  http: {
    maxHeaderSize: maxHeadBytes,
    headersTimeout: headTimeoutMs,
    connectionsCheckingInterval: checkingMs,
    // Nothing depends on the name by which a client reached us; node refuses without a sentence.
    requireHostHeader: false,
  },
  routerOptions: { maxParamLength: maxWordLength },
  clientErrorHandler: refuseUnread,
  frameworkErrors: (error, _request, reply: FastifyReply) =>
    void reply.code(400).send(badRequest(`the request's path is invalid: ${error.message}`)),
} satisfies FastifyHttpOptions<Server>;

/**
 * Fastify passes `https` on to node:https, as it does `http`; its types have two kinds of servers,
 * which serve alike.
 */
function optionsFor(tls: ServerDependencies["tls"] | null): FastifyHttpOptions<Server> {
  if (!tls) return serverOptions;
  const { cert, key } = tls;
  const https = { ...serverOptions.http, cert, key, handshakeTimeout: headTimeoutMs };
  return { ...serverOptions, https } as FastifyHttpOptions<Server>;
}

/** A server with authentication and the routes that need no token; register() adds the others. */
export function createServer(deps: ServerDependencies): FastifyInstance {
  const server = Fastify(optionsFor(deps.tls ?? null));
  refuseUnusual(server.server);
  const admittance = new Admittance(server);
  const gate = new Gate(deps);
  server.decorate("gate", gate);
  server.decorate("admittance", admittance);
  server.decorateRequest("caller");
  server.decorateRequest("act", null);
  server.addHook("onSend", async (request, reply) => {
    if (request.act !== null && reply.statusCode < 400)
      gate.note(request.caller, request.ip, request.act);
  });
  server.addHook("onRequest", async (request, reply) => {
    limitArrival(request, reply);
    if (request.routeOptions.config.isOpen === true) return goOn(request, reply);
    request.caller = gate.callerBy(request.headers.authorization);
    await admittance.admit(request, reply);
  });
  addOpenRoutes(server, deps, gate);
  server.setNotFoundHandler((request, reply) => {
    const message = `there is no ${request.method} ${request.url.slice(0, 200)}: check that the client has gleanerd's version`;
    return reply.code(404).send({ error: { code: "NOT_FOUND", message } } satisfies ErrorAnswer);
  });
  server.setErrorHandler((thrown: unknown, request, reply) => {
    const { caller, ip: source, method, url } = request;
    const known = sentenceFor(thrown, request.routeOptions.bodyLimit);
    const { code, message } = gate.sentenceOf(
      thrown,
      { caller, source, subject: `${method} ${url}` },
      known,
    );
    return reply.code(statusOf(code)).send({ error: { code, message } } satisfies ErrorAnswer);
  });
  return server;
}

/** The routes that work without a token, and the way to get one. */
function addOpenRoutes(server: FastifyInstance, deps: ServerDependencies, gate: Gate): void {
  const challenges = new Challenges(deps.secrets.instance());
  const identifying = new Semaphore(maxIdentifying, {
    most: maxWaitingToIdentify,
    refusal: "too many clients are requesting a token at once: try again in a moment",
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
      request.caller = gate.callerOf(identity);
      request.act = { action: "token", detail: `good for ${deps.tokenMs} ms` };
      const { user, operator } = request.caller;
      return { token, validMs: deps.tokenMs, user, operator };
    },
  });
}

/** The address that the client's connection reached. */
const reachedBy = ({ socket }: FastifyRequest): Endpoint => ({
  host: socket.localAddress ?? "",
  port: socket.localPort ?? 0,
});

/** null if it is nothing that a person could fix, so a bug. */
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
  if (status === 415)
    return {
      code: "BAD_REQUEST",
      message: "the request's body is not JSON: send JSON, with Content-Type: application/json",
    };
  if (status !== undefined && status < 500)
    return { code: "BAD_REQUEST", message: messageOf(thrown) };
  return null;
}
