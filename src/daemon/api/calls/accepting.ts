// Accepts calls of functions and maps: once they are durable.

import { askedCall, type CalledVersion, checkInputs } from "../../../core/submission/call.js";
import type { Payload } from "../../../model/call.js";
import { parseFunctionRef } from "../../../model/functions/reference.js";
import type { Blobs } from "../../functions/blobs.js";
import type { Directory } from "../../functions/directory.js";
import { ownInputs } from "../../functions/own-inputs.js";
import type { PackedInputs } from "../../functions/packed-inputs.js";
import type { CallIds } from "../../invocations/call-records.js";
import type { StoppedFunctions } from "../../invocations/stopped-functions.js";
import { type Accepted, accept, type InvocationRoutes } from "../invocations.js";
import type { Caller } from "../server/caller.js";

export interface CallRoutes extends InvocationRoutes {
  readonly packedInputs: Pick<PackedInputs, "read">;
  readonly directory: Pick<Directory, "resolve" | "find">;
  readonly stoppedFunctions: Pick<StoppedFunctions, "require">;
  readonly callIds: Pick<CallIds, "take">;
  readonly blobs: Pick<Blobs, "carry">;
}

export interface AskedCalls {
  readonly requestId: string;
  readonly function: string;
  readonly timeLimitMs: number | null;
  /** The number of inputs of a map; null for one call. */
  readonly tasks: number | null;
  readonly inputs: readonly Payload[];
}

/** Resolves once they are durable. */
export async function acceptCalls(
  deps: CallRoutes,
  caller: Caller,
  asked: AskedCalls,
): Promise<Accepted> {
  const submission = await askedOf(deps, caller, asked);
  const inputs = await ownInputs(deps.store, caller.uid, asked.inputs);
  return accept(deps, caller, { requestId: asked.requestId, submission, inputs });
}

/** What the calls ask for, if the caller may call the function. */
export async function askedOf(deps: CallRoutes, caller: Caller, asked: AskedCalls) {
  checkInputs(asked.inputs);
  return askedCall(await callable(deps, caller, asked.function), caller, asked);
}

/** The version that is called; rejects if the caller may not call it now. */
export async function callable(
  deps: CallRoutes,
  caller: Caller,
  called: string,
): Promise<CalledVersion> {
  await deps.access.require(caller);
  await deps.reserve.require();
  const version = await deps.directory.resolve(caller, parseFunctionRef(called));
  deps.stoppedFunctions.require(caller.uid, version);
  return version;
}
