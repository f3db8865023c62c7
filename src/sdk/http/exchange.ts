// Sends one HTTP request to the daemon, with limits on size and time, and errors as sentences.
//
// It writes HTTP/1.0 to a bare socket: then the answer is everything up to the connection's end.
// Loading node:http and using it once takes a fifth of the start of a bare node, for which users of
// glean would wait. A content is sent by HTTP/1.1, which lets the daemon refuse it first, and so is
// what keeps its connection; answers to those requests have a length.

import { GleanerError } from "../../model/errors.js";
import { maxHeadBytes } from "../../wire/api/limits.js";
import type { Endpoint } from "../../wire/munge/credential.js";
import { brokenOff, notOurs, parse, understand } from "./answer.js";
import type { Address, Conversation, Exchange } from "./request.js";

/** A daemon that commits, verifies or draws a report may take seconds, but never half a minute. */
const defaultTimeoutMs = 30_000;
/** Six times the longest list (20,000 invocations of about 500 bytes), and the largest bundle. */
const maxAnswerBytes = 65 * 1024 * 1024;

/**
 * Characters allowed in a request line or a header; a line break there would start another header.
 */
const wordShape = /^[\x21-\x7e]+$/;

/**
 * Sends one request and returns the JSON of the answer. Rejects with the daemon's own error,
 * UNREACHABLE if nothing listens, BrokenOffError if the connection broke, or PROTOCOL if the peer
 * is not gleanerd.
 */
export async function exchange(address: Address, what: Exchange): Promise<unknown> {
  return (await exchangeWith(address, what)).value;
}

/** Like exchange(), but also returns the address that it connected to: a name may have several. */
export async function exchangeWith(
  address: Address,
  what: Exchange,
): Promise<{ readonly value: unknown; readonly peer: Endpoint }> {
  const request = requestOf(address, what);
  const { bytes, peer } = asked(address, request, what) ?? (await talked(address, request, what));
  const answer = parse(bytes);
  if (answer === null) throw notOurs(address);
  if (answer.length !== null && bytes.length < answer.length) throw brokenOff(address);
  return { value: understand(address, answer), peer };
}

/** A signal, a content and a connection that stays need the event loop. */
function asked(address: Address, request: string, what: Exchange): Conversation | null {
  const { timeoutMs = defaultTimeoutMs, signal, content, keepsConnection = false } = what;
  if (address.tls !== undefined || signal !== undefined) return null;
  if (content !== undefined || keepsConnection) return null;
  return address.ask?.(address, request, { timeoutMs, maxAnswerBytes }) ?? null;
}

/** Loaded on demand: node's sockets take longer than a whole request. */
async function talked(address: Address, request: string, what: Exchange): Promise<Conversation> {
  const { converse } = await import("./conversation.js");
  const { timeoutMs = defaultTimeoutMs } = what;
  return converse(address, request, { ...what, timeoutMs, maxAnswerBytes });
}

function requestOf(
  address: Address,
  { method, path, token, body, content, keepsConnection = false }: Exchange,
): string {
  if (![address.host, path, token ?? "-"].every((word) => wordShape.test(word)))
    throw new GleanerError(
      "PROTOCOL",
      "the address, the path or the token contains a character that no request may contain: check listen.host in the configuration",
    );
  const text = body === undefined ? "" : JSON.stringify(body);
  const lines = [
    `${method} ${path} HTTP/${content === undefined && !keepsConnection ? "1.0" : "1.1"}`,
    `Host: ${address.host}`,
    "Accept: application/json",
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...(body === undefined ? [] : ["Content-Type: application/json"]),
    ...(content === undefined ? [] : ["Connection: close", "Expect: 100-continue"]),
    ...(content?.contentType === undefined ? [] : [`Content-Type: ${content.contentType}`]),
    content?.bytes === null
      ? "Transfer-Encoding: chunked"
      : `Content-Length: ${content?.bytes ?? Buffer.byteLength(text)}`,
  ];
  const head = `${lines.join("\r\n")}\r\n\r\n`;
  if (head.length > maxHeadBytes)
    throw new GleanerError(
      "LIMIT_REACHED",
      `the head of the request has ${head.length} bytes and the limit is ${maxHeadBytes}: name fewer things at a time`,
    );
  return head + text;
}
