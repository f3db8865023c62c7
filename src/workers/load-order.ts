// How a handler is loaded: the same in a hole and on a user's machine.

import { maxPayloadBytes } from "../model/call.js";
import type { WorkerSettings } from "../wire/calls.js";
import { defaultLogLimitBytes } from "../wire/worker/limits.js";
import { codeInImage } from "./image-command.js";
import type { LoadOrder } from "./worker-link.js";

export const loadOrderOf = (
  { handler, concurrency, image }: Pick<WorkerSettings, "handler" | "concurrency" | "image">,
  directory: string,
): LoadOrder => ({
  directory: image === null ? directory : codeInImage,
  handler: handler ?? undefined,
  concurrency,
  outputLimitBytes: maxPayloadBytes,
  logLimitBytes: defaultLogLimitBytes,
});
