// Sends contents to clients: as they are read from the disk, and a few at once for each user.

import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import type { BlobContent } from "../../../core/ports/blobs.js";
import { type Queue, UserSemaphores } from "../../../limits/semaphore.js";
import type { Sent } from "./register.js";

/** A client that takes nothing within this time is disconnected. */
const takeMs = 30_000;

export class ContentSender {
  private readonly turns: UserSemaphores;

  /** `most`: at once for one user. */
  constructor(most: number, queue: Queue) {
    this.turns = new UserSemaphores(most, queue);
  }

  /** Resolves once the content is on its way; rejects if it cannot be opened. */
  send(uid: number, reply: FastifyReply, open: () => Promise<BlobContent>): Promise<Sent> {
    return new Promise<Sent>((resolve, reject) => {
      const begin = async () => {
        const closed = new Promise<void>((done) => reply.raw.once("close", done));
        resolve(sendContent(reply, await open()));
        return closed;
      };
      this.turns.run(uid, begin).catch(reject);
    });
  }
}

function sendContent(reply: FastifyReply, { bytes, content, close }: BlobContent): Sent {
  reply.raw.setTimeout(takeMs, () => reply.raw.destroy());
  const stream = Readable.from(content, { objectMode: false });
  reply.raw.once("close", () => {
    stream.destroy();
    void close();
  });
  return reply
    .type("application/octet-stream")
    .header("content-length", String(bytes))
    .send(stream);
}
