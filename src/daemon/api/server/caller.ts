// Who makes a request, and what only operators may do.

import type { FastifyReply } from "fastify";
import { GleanerError } from "../../../model/errors.js";
import type { Identity } from "../../../model/invocation.js";

export interface Caller extends Identity {
  /** root, the user that gleanerd runs as, or one of access.operators. */
  readonly operator: boolean;
}

/** Throws NOT_ALLOWED unless the caller is an operator. */
export function requireOperator(caller: Caller, what: string): void {
  if (!caller.operator)
    throw new GleanerError(
      "NOT_ALLOWED",
      `${caller.user} may not ${what}: ask an operator (root, or one of access.operators)`,
    );
}

/** Aborted once the client has its answer or is gone. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  if (reply.raw.destroyed) gone.abort();
  reply.raw.once("close", () => gone.abort());
  return gone.signal;
}
