// Limits the time in which a request's body arrives: whole within half a minute, or, if it may have
// any length, never as long without a byte.

import type { IncomingMessage } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { clearTimeout, setTimeout } from "../../../clock.js";
import { GleanerError } from "../../../model/errors.js";
import { refuseSlow, requestTimeoutMs } from "./refusals.js";

/** A client needs less to read an answer, and to stop. */
const discardMs = 5_000;

/** Called once the head is read. */
export function limitArrival({ raw, headers, routeOptions }: FastifyRequest, reply: FastifyReply) {
  // Nobody reads an empty body, so its end is never told.
  const hasBody = Number(headers["content-length"] ?? 0) > 0 || "transfer-encoding" in headers;
  if (!hasBody || routeOptions.config.isOpenEnded === true) return;
  const timer = setTimeout(() => refuseSlow(raw.socket), requestTimeoutMs);
  const done = () => clearTimeout(timer);
  raw.once("end", done);
  reply.raw.once("close", done);
}

/** The body of a request that may have any length; rejects with BAD_REQUEST if it breaks off. */
export async function* arriving({ raw }: FastifyRequest): AsyncGenerator<Uint8Array> {
  let timer = setTimeout(cut, requestTimeoutMs);
  function cut() {
    raw.destroy(new Error(`nothing arrived for ${requestTimeoutMs} ms`));
  }
  try {
    for await (const chunk of raw.iterator({ destroyOnReturn: false })) {
      clearTimeout(timer);
      yield chunk;
      timer = setTimeout(cut, requestTimeoutMs);
    }
  } catch (cause) {
    throw new GleanerError("BAD_REQUEST", "the request broke off: send it again", { cause });
  } finally {
    clearTimeout(timer);
    if (!raw.readableEnded && !raw.destroyed) discard(raw);
  }
}

/** What a client still sends that was refused: it reads the answer only if nothing breaks. */
function discard(raw: IncomingMessage): void {
  const timer = setTimeout(() => raw.destroy(), discardMs);
  raw.on("error", () => {});
  raw.once("close", () => clearTimeout(timer));
  raw.resume();
}
