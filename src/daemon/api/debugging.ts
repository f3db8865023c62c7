// Requests of those who look for an error: the code of a version.

import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import type { BlobContent } from "../../core/ports/blobs.js";
import { UserSemaphores } from "../../limits/semaphore.js";
import { parseFunctionRef } from "../../model/functions/reference.js";
import { bundleOf } from "../../model/ids.js";
import type { Access } from "../auth/access.js";
import type { Blobs } from "../functions/blobs.js";
import type { Directory } from "../functions/directory.js";
import type { Handlers, Sent } from "./server/register.js";

export interface DebuggingRoutes {
  readonly blobs: Pick<Blobs, "open">;
  readonly directory: Pick<Directory, "resolve">;
  readonly access: Pick<Access, "require">;
}

/** A client that takes nothing within this time is disconnected. */
const takeMs = 30_000;
const maxSending = 2;
const maxWaitingOfUser = 16;

export function debuggingHandlers({
  blobs,
  directory,
  access,
}: DebuggingRoutes): Pick<Handlers, "bundle"> {
  const turns = new UserSemaphores(maxSending, {
    most: maxWaitingOfUser,
    refusal: "you requested too many bundles at once: wait until some have arrived",
  });
  return {
    bundle: async ({ caller, params, reply }) => {
      await access.require(caller);
      const { owner, name, version } = params;
      const prefix = owner === "-" ? "" : `${owner}/`;
      const ref = parseFunctionRef(`${prefix}${name}@${version}`);
      const found = await directory.resolve(caller, ref);
      return new Promise<Sent>((resolve, reject) => {
        const send = async () => {
          const closed = new Promise<void>((done) => reply.raw.once("close", done));
          resolve(sendContent(reply, await blobs.open(bundleOf(found.version))));
          return closed;
        };
        turns.run(caller.uid, send).catch(reject);
      });
    },
  };
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
