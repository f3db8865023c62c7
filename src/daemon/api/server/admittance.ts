// The limits that a request must pass: its turn, and once its user is known, those on its
// connection and on the memory for a large body.

import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Semaphore, UserSemaphores } from "../../../limits/semaphore.js";
import { GleanerError } from "../../../model/errors.js";
import { Connections, maxConnections } from "./connections.js";
import { FairTurns } from "./fair-turns.js";

/** A larger body waits for memory before it is read: most submissions have 5 kB. */
const largeBytes = 64 * 1024;
/**
 * The most large bodies in memory at once, over all users, and how many may wait: meanwhile 128 kB
 * of each are read.
 */
const maxLarge = 4;
const maxWaitingLarge = 256;
/** For one user. */
const maxLargeOfUser = 1;
const maxWaitingLargeOfUser = 32;
/** Contents that are read at once, each a chunk at a time, over all users and for one. */
const maxStreamed = 32;
const maxStreamedOfUser = 4;
const maxWaitingStreamed = 256;
const maxWaitingStreamedOfUser = 32;
/** Requests without a token from one address, which a few connections can send without waiting. */
const maxWaitingOfAddress = 1_000;
/** Until then they have had their turns. */
const strangersRetryS = 1;
const tooManyStreamed = "too many contents wait to be read: send fewer at the same time";
const tooManyLarge =
  "too many large submissions wait to be read: send one after the other, or put data into files";

/** Adds the limits to a server; `admit` is called when the caller of a request is known. */
export class Admittance {
  private readonly connections = new Connections();
  private readonly turns = new FairTurns();
  private readonly large = new Semaphore(maxLarge, {
    most: maxWaitingLarge,
    refusal: tooManyLarge,
  });
  private readonly largeOfUsers = new UserSemaphores(maxLargeOfUser, {
    most: maxWaitingLargeOfUser,
    refusal: tooManyLarge,
  });
  private readonly streamed = new Semaphore(maxStreamed, {
    most: maxWaitingStreamed,
    refusal: tooManyStreamed,
  });
  private readonly streamedOfUsers = new UserSemaphores(maxStreamedOfUser, {
    most: maxWaitingStreamedOfUser,
    refusal: tooManyStreamed,
  });

  constructor(server: FastifyInstance) {
    server.server.maxConnections = maxConnections;
    server.server.on("connection", (socket) => this.connections.opened(socket));
    server.addHook("preHandler", async ({ caller, ip }, reply) => {
      if (caller !== undefined) await this.turns.enter(caller.uid);
      else await this.strangersTurn(ip, reply);
    });
  }

  /** The turn of a request without a token; throws LIMIT_REACHED. */
  private strangersTurn(address: string, reply: FastifyReply): Promise<void> {
    if (this.turns.waitingOf(address) >= maxWaitingOfAddress) {
      reply.header("Retry-After", strangersRetryS);
      throw new GleanerError(
        "LIMIT_REACHED",
        `${maxWaitingOfAddress} requests without a token already wait from ${address}: use the token that you have, or try again in a moment`,
      );
    }
    return this.turns.enter(address);
  }

  /** A call on a connection that carries many; resolves with what to call at its end. */
  async admitCall(socket: Socket, uid: number): Promise<() => void> {
    const release = this.connections.identified(socket, uid);
    await this.turns.enter(uid);
    return release;
  }

  /** Called before the body is read. Throws LIMIT_REACHED. */
  async admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { uid } = request.caller;
    const release = this.connections.identified(request.raw.socket, uid);
    const closed = new Promise<void>((resolve) => reply.raw.once("close", resolve));
    void closed.then(release);
    const isStreamed = request.routeOptions.config.isStreamed === true;
    const [ofUsers, all] = isStreamed
      ? [this.streamedOfUsers, this.streamed]
      : [this.largeOfUsers, this.large];
    if (bodyBytesOf(request) > largeBytes)
      await new Promise<void>((enter, refuse) => {
        const read = async () => {
          enter();
          await closed;
        };
        ofUsers.run(uid, () => all.run(read)).catch(refuse);
      });
    // A handler that reads a content itself may still refuse it first.
    if (!isStreamed) goOn(request, reply);
  }
}

/** Tells a client that waits with its body (Expect: 100-continue) to send it. */
export function goOn({ headers }: FastifyRequest, reply: FastifyReply): void {
  if (headers.expect !== undefined) reply.raw.writeContinue();
}

/** The announced length; a body of unknown length counts as large. */
function bodyBytesOf({ headers }: FastifyRequest): number {
  if (headers["transfer-encoding"] !== undefined) return Number.POSITIVE_INFINITY;
  return Number(headers["content-length"] ?? 0);
}
