// Connections that carry many calls: a client asks for one with an upgrade of HTTP, and shows its
// token once. Each call passes the same limits and handler as one over HTTP.

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { FastifyInstance } from "fastify";
import { callPath, callProtocol } from "../../../wire/api/call-frames.js";
import { statusOf } from "../../../wire/api/errors.js";
import { refuseRaw, withoutUpgrade } from "../server/refusals.js";
import { CallConnection, type CallServing } from "./connection.js";

/** Adds them to the server. */
export function serveCallConnections(
  server: FastifyInstance,
  { answer, carriedMemory }: Pick<CallServing, "answer" | "carriedMemory">,
): void {
  const { gate, admittance } = server;
  const open = new Set<CallConnection>();
  server.server.on("upgrade", (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket;
    socket.on("error", () => undefined);
    if (request.headers.upgrade !== callProtocol || request.url !== callPath) {
      // Nobody has to do what another protocol asks for: it is a request like any other.
      withoutUpgrade(server.server, request, socket, head);
      return;
    }
    const source = socket.remoteAddress ?? "";
    const authorization = request.headers.authorization ?? "";
    try {
      gate.callerBy(authorization);
    } catch (thrown) {
      const subject = `${request.method} ${request.url}`;
      const error = gate.sentenceOf(thrown, { caller: undefined, source, subject });
      refuseRaw(socket, statusOf(error.code), error);
      return;
    }
    const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade"];
    socket.write(`${[...lines, `Upgrade: ${callProtocol}`].join("\r\n")}\r\n\r\n`);
    const connection = new CallConnection(socket, head, {
      ...{ gate, admittance, answer, source, carriedMemory },
      // A token that was revoked or has expired is good for no further call.
      caller: () => gate.callerBy(authorization),
      onClosed: () => open.delete(connection),
    });
    open.add(connection);
    connection.begin();
  });
  // The server is closed once all its connections are.
  server.addHook("preClose", async () => {
    for (const connection of open) connection.finish();
  });
}
