// The requests to send and to get a content: it is never whole in memory.

import type { FastifyReply, FastifyRequest } from "fastify";
import { maxBlobBytes } from "../../bundle/limits.js";
import { GleanerError } from "../../model/errors.js";
import type { Access } from "../auth/access.js";
import type { Blobs } from "../functions/blobs.js";
import { goOn } from "./server/admittance.js";
import { ContentSender } from "./server/contents.js";
import type { Handlers } from "./server/register.js";

export interface BlobRoutes {
  readonly blobs: Pick<Blobs, "write" | "openOwn">;
  readonly access: Pick<Access, "require">;
}

const maxSending = 8;
const maxWaitingOfUser = 1_000;

export function blobHandlers({ blobs, access }: BlobRoutes): Pick<Handlers, "putBlob" | "getBlob"> {
  const sender = new ContentSender(maxSending, {
    most: maxWaitingOfUser,
    refusal: "you requested too many contents at once: wait until some have arrived",
  });
  return {
    getBlob: async ({ caller, params: { sha256 }, reply }) => {
      await access.require(caller);
      return sender.send(caller.uid, reply, async () => {
        const content = await blobs.openOwn(caller.uid, sha256);
        if (content === null) throw noneOfYours(sha256);
        return content;
      });
    },
    putBlob: async ({ caller, params: { sha256 }, request, reply }) => {
      await access.require(caller);
      const bytes = announcedBytes(request);
      const isNew = await blobs.write(caller.uid, { sha256, bytes }, bodyOf(request, reply));
      return { sha256, bytes, isNew };
    },
  };
}

/** The content is refused before it is sent if there is no room for it. */
function announcedBytes({ headers }: FastifyRequest): number {
  const length = headers["content-length"];
  if (length === undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      "the request does not say how long its content is: send it with Content-Length, not in chunks",
    );
  const bytes = Number(length);
  if (!(bytes <= maxBlobBytes))
    throw new GleanerError(
      "BAD_REQUEST",
      `the content has ${length} bytes and the limit is ${maxBlobBytes}: keep large data on a shared file system`,
    );
  return bytes;
}

async function* bodyOf(request: FastifyRequest, reply: FastifyReply): AsyncGenerator<Uint8Array> {
  goOn(request, reply);
  try {
    yield* request.raw;
  } catch (cause) {
    throw new GleanerError("BAD_REQUEST", "the content broke off: send it again", { cause });
  }
}

const noneOfYours = (sha256: string): GleanerError =>
  new GleanerError(
    "NOT_FOUND",
    `gleanerd has no content ${sha256} of yours: it was never sent, or was removed since`,
  );
