// The check of an attached command's order.

import { maxAttachedTasks } from "../../model/invocation.js";
import type { AttachedCommand, RunClient } from "../messages.js";
import { bytes, integer, list, object, oneOf, pattern, text } from "../shape.js";

/** As many as a request to glean-spawn may have, and as long as the kernel lets one be. */
const maxWords = 16_384;
const maxWordLength = 1024 * 1024;
const maxHosts = 8;
const keyBytes = 32;

export const attachedCommand = object<AttachedCommand>({
  kind: oneOf("attached"),
  argv: list(text(maxWordLength), maxWords),
  tasks: integer(1, maxAttachedTasks),
  client: object<RunClient>({
    hosts: list(pattern(/^[A-Za-z0-9._:-]{1,253}$/), maxHosts),
    port: integer(1, 65_535),
    socket: pattern(/^[A-Za-z0-9-]{1,100}$/),
    bootId: pattern(/^[0-9a-f-]{0,64}$/),
  }),
  key: bytes(keyBytes),
});
