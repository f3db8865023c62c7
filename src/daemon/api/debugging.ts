// Requests of those who look for an error: the code of a version.

import { parseFunctionRef } from "../../model/functions/reference.js";
import { bundleOf } from "../../model/ids.js";
import type { Access } from "../auth/access.js";
import type { Blobs } from "../functions/blobs.js";
import type { Directory } from "../functions/directory.js";
import { ContentSender } from "./server/contents.js";
import type { Handlers } from "./server/register.js";

export interface DebuggingRoutes {
  readonly blobs: Pick<Blobs, "open">;
  readonly directory: Pick<Directory, "resolve">;
  readonly access: Pick<Access, "require">;
}

const maxSending = 2;
const maxWaitingOfUser = 16;

export function debuggingHandlers({
  blobs,
  directory,
  access,
}: DebuggingRoutes): Pick<Handlers, "bundle"> {
  const sender = new ContentSender(maxSending, {
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
      return sender.send(caller.uid, reply, () => blobs.open(bundleOf(found.version)));
    },
  };
}
