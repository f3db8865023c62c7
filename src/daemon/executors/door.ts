// Accepts the connections of executors: strangers get little time and leave room for others.

import { once } from "node:events";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Logger } from "pino";
import type { Config } from "../../config.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { Strangers } from "../../limits/strangers.js";
import { messageOf } from "../../model/errors.js";
import { acceptExecutor, handshakeMs } from "../../wire/handshake.js";
import type { TlsFiles } from "../auth/tls.js";
import type { Secrets } from "../auth/tokens.js";
import type { Executors } from "./executors.js";

/** Executors that connect at once after a restart on a large site. */
const maxExecutors = 20_000;
/**
 * The most connections without a proof. A proof takes milliseconds, and an executor that lost its
 * place tries again.
 */
const maxStrangers = 2_048;

/** Listens on `listen.executorPort`; hands proven executors to `parts.executors`. */
export async function listenForExecutors(
  config: Pick<Config, "listen">,
  parts: {
    readonly secrets: Pick<Secrets, "ofExecutor">;
    readonly executors: Pick<Executors, "connected">;
  },
  tls: TlsFiles | null,
  log: Logger,
  mostStrangers = maxStrangers,
): Promise<Server> {
  const strangers = new Strangers(mostStrangers);
  const refusals = new LogRateLimit();
  const onSocket = (socket: Socket): void => {
    acceptExecutor(socket, (id) => parts.secrets.ofExecutor(id)).then(
      ({ executor, connection }) => {
        strangers.proved(socket);
        parts.executors.connected(executor, connection);
      },
      (cause: unknown) =>
        refusals.say((suppressed) =>
          log.warn(
            { from: socket.remoteAddress, cause: messageOf(cause), suppressed },
            "refused a connection",
          ),
        ),
    );
  };
  const server =
    tls === null
      ? createTcpServer(onSocket)
      : createTlsServer({ ...tls, handshakeTimeout: handshakeMs }, onSocket);
  server.on("connection", (socket) => strangers.opened(socket));
  server.maxConnections = maxExecutors + mostStrangers;
  server.listen(config.listen.executorPort, config.listen.host);
  await once(server, "listening");
  return server;
}
