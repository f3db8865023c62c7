// Where a worker listens for the clients of its lease: a TCP port, and an abstract Unix socket for
// those on its own node.

import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { errorCodeOf } from "../../../model/errors.js";
import type { Serving } from "../../../wire/worker/serving.js";

const backlog = 1_024;
/**
 * In hex with "gleaner", a name as long as an address may be: some releases of Node fill shorter
 * ones up with zeros, and others do not.
 */
const socketNameBytes = 50;

export class Endpoint {
  private constructor(
    readonly where: Serving,
    private readonly servers: readonly Server[],
  ) {}

  /**
   * Connections come paused. `ports`: "0" for any, or "50000-50100". Rejects if none of them is
   * free.
   */
  static async open(ports: string, onConnection: (socket: Socket) => void): Promise<Endpoint> {
    const socket = `gleaner${randomBytes(socketNameBytes).toString("hex")}`;
    const local = await listening({ path: `\0${socket}` }, onConnection);
    try {
      const { server, port } = await onSomePort(ports, onConnection);
      return new Endpoint({ port, socket }, [local, server]);
    } catch (error) {
      local.close();
      throw error;
    }
  }

  /** Connections that were accepted stay. */
  close(): void {
    for (const server of this.servers) server.close();
  }
}

/** Begins anywhere in the range, so that the workers of a node do not try the same ports. */
async function onSomePort(
  ports: string,
  onConnection: (socket: Socket) => void,
): Promise<{ server: Server; port: number }> {
  const [lowest, highest = lowest] = ports.split("-").map(Number) as [number, number?];
  const count = highest - lowest + 1;
  if (count < 1) throw new Error(`leases.ports is "${ports}": the first port is above the last`);
  const first = randomInt(count);
  for (let tried = 0; tried < count; tried++) {
    const port = lowest + ((first + tried) % count);
    try {
      const server = await listening({ port }, onConnection);
      return { server, port: (server.address() as { port: number }).port };
    } catch (error) {
      if (errorCodeOf(error) !== "EADDRINUSE") throw error;
    }
  }
  throw new Error(`no port of ${ports} is free on this node: widen leases.ports`);
}

async function listening(
  where: ListenOptions,
  onConnection: (socket: Socket) => void,
): Promise<Server> {
  // noDelay and keepAlive of the server's options: each connection has them from its beginning.
  const server = createServer({ noDelay: true, pauseOnConnect: true }, onConnection);
  server.listen({ ...where, backlog });
  await once(server, "listening");
  // Too many open files, for example: those that are connected go on.
  server.on("error", () => {});
  return server;
}
