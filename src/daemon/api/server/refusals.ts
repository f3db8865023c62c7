// Refuses what never becomes a request of a route: bytes that are not HTTP, and parts of HTTP that
// the API does not have. Each gets an error as a sentence, like every other refusal.

import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionError } from "fastify";
import { statusOf } from "../../../wire/api/errors.js";
import { maxHeadBytes } from "../../../wire/api/limits.js";
import type { ErrorAnswer } from "../../../wire/api/types.js";

/** A request that arrives more slowly is cut off. */
export const requestTimeoutMs = 30_000;
/** So is its head, which has one or two packets. */
export const headTimeoutMs = 5_000;

export const badRequest = (message: string): ErrorAnswer => ({
  error: { code: "BAD_REQUEST", message },
});

/** Node would close the connection, or answer without a body. */
export function refuseUnusual(server: Server): void {
  // Node would let a client send its body before the request is admitted.
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) =>
    server.emit("request", request, response),
  );
  server.on("connect", ({ method }: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => {});
    socket.end(answerOf(400, `gleanerd has no ${method}: it is not a proxy`));
  });
  server.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) => {
    const message = "gleanerd meets no expectation but 100-continue: omit the header Expect";
    const body = JSON.stringify(badRequest(message));
    const headers = { "Content-Type": "application/json", "Content-Length": body.length };
    response.writeHead(417, headers).end(body);
  });
}

/**
 * Answers something that is not a request, or was cut off, before there is a route: the connection
 * ends with an error.
 */
export function refuseUnread(error: ConnectionError, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const [status, message] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? [
          431,
          `the request's head is larger than ${maxHeadBytes} bytes: name fewer things at a time`,
        ]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? [408, lateSentence(requestTimeoutMs)]
        : [400, "the request is not HTTP: check that the client has gleanerd's version"];
  if (socket.writable) socket.write(answerOf(status, message));
  socket.destroy(error);
}

/** A request whose body does not arrive in time; what came of it is lost. */
export function refuseSlow(socket: Socket): void {
  const error = Object.assign(new Error("the body is late"), {
    code: "ERR_HTTP_REQUEST_TIMEOUT",
  });
  refuseUnread(error as ConnectionError, socket);
}

/** Ends a connection that asked for another protocol and does not get it. */
export function refuseRaw(socket: Socket, status: number, error: ErrorAnswer["error"]): void {
  socket.end(answerOf(status, error.message, error.code), () => socket.destroy());
}

/** Reads the request again, as if its client had not asked for another protocol. */
export function withoutUpgrade(
  server: Server,
  { method, url, httpVersion, rawHeaders }: IncomingMessage,
  socket: Socket,
  rest: Buffer,
): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (!/^(connection|upgrade|http2-settings)$/i.test(rawHeaders[at]!))
      lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), rest]));
  server.emit("connection", socket);
}

const lateSentence = (limitMs: number): string =>
  `the request took longer than ${limitMs} ms to arrive: try again`;

function answerOf(
  status: number,
  message: string,
  code: ErrorAnswer["error"]["code"] = "BAD_REQUEST",
): string {
  const body = JSON.stringify({ error: { code, message } } satisfies ErrorAnswer);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}

/** To a client whose head is late, before there is a request. */
export const lateAnswer = answerOf(408, lateSentence(headTimeoutMs));

/** To one of those that wait for gleanerd when too many do. */
export const fullAnswer = answerOf(
  statusOf("LIMIT_REACHED"),
  "too many connections wait for gleanerd: try again in a moment",
  "LIMIT_REACHED",
);
