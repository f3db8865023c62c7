// How a handler is loaded: the same in a hole and on a user's machine.

import { maxPayloadBytes } from "../model/call.js";
import type { WorkerSettings } from "../wire/calls.js";
import { defaultLogLimitBytes } from "../wire/worker/limits.js";
import type { LoadOrder } from "./worker-link.js";

export const loadOrderOf = (
  { handler, concurrency }: Pick<WorkerSettings, "handler" | "concurrency">,
  directory: string,
): LoadOrder => ({
  directory,
  handler: handler ?? undefined,
  concurrency,
  outputLimitBytes: maxPayloadBytes,
  logLimitBytes: defaultLogLimitBytes,
});
