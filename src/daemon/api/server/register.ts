// Adds routes to the server as the contract declares them: who may use them, how the request is
// parsed, and which handler answers.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { maxSmallRequestBytes } from "../../../wire/api/limits.js";
import type { Route } from "../../../wire/api/route.js";
import { routes } from "../../../wire/api/routes.js";
import type { AnswerOf, AskedOf, RouteName } from "../../../wire/api/types.js";
import { type Caller, requireOperator } from "./caller.js";
import { shaped } from "./shaped.js";

/** The query of a route that declares none. */
const noParameters = z.strictObject({});

/** A request whose parts match their shapes. */
export interface Asked<Name extends RouteName> {
  readonly caller: Caller;
  readonly params: AskedOf<Name, "params">;
  readonly query: AskedOf<Name, "query">;
  readonly body: AskedOf<Name, "body">;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** `Sent`: the handler sends the answer itself, or the client is gone. */
export type Sent = FastifyReply | undefined;
type Handler<Name extends RouteName> = (asked: Asked<Name>) => Promise<AnswerOf<Name> | Sent>;
export type Handlers = { readonly [Name in RouteName]: Handler<Name> };

export function register(server: FastifyInstance, handlers: Partial<Handlers>): void {
  for (const [name, handler] of Object.entries(handlers)) {
    const route: Route = routes[name as RouteName];
    const add = (scope: FastifyInstance) => addRoute(scope, route, handler as Handler<RouteName>);
    if (route.streamed) server.register(async (scope) => add(takeBytes(scope)));
    else add(server);
  }
}

/** In this scope bodies of every type are left to the handlers. */
function takeBytes(scope: FastifyInstance): FastifyInstance {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, _body, done) => done(null));
  return scope;
}

function addRoute(server: FastifyInstance, route: Route, handler: Handler<RouteName>): void {
  const { method, path, who, maxBytes = maxSmallRequestBytes } = route;
  server.route({
    method,
    url: path,
    bodyLimit: maxBytes,
    config: {
      isOpen: who === "anybody",
      isStreamed: route.streamed === true,
      isOpenEnded: route.contentTypes !== undefined,
    },
    handler: async (request, reply) => {
      const { caller } = request;
      if (who === "operator") requireOperator(caller, route.does);
      const params = route.params === undefined ? null : shaped(route.params, request.params);
      const query = shaped(route.query ?? noParameters, request.query);
      const body = route.body === undefined ? null : shaped(route.body, request.body);
      // `handlers` and `routes` have the same names, which the compiler cannot see here.
      const asked = { caller, params, query, body, request, reply } as unknown as Asked<RouteName>;
      return handler(asked);
    },
  });
}
