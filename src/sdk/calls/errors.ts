// What a call of a function may end with instead of a result.

import { type RemoteError, titleOf } from "../../model/call.js";
import type { Outcome } from "../../wire/api/types.js";
import { decode } from "./payloads.js";

export type CallErrorCode =
  | "FUNCTION" // the handler threw, or its process ended before it answered
  | "NOT_LOADED" // the function's code could not be loaded
  | "TIMEOUT" // it ran longer than its time limit
  | "OUT_OF_MEMORY"
  | "CANCELLED"
  | "FAILED" // the platform could not run it, as `message` says
  | "LEASE_LOST" // the connection to its leased worker broke: it may have run
  | "RESULT_REMOVED"; // it completed, and its result was removed for its age

/** An accepted call that has no result. What gleanerd refuses is a GleanerError. */
export class CallError extends Error {
  override readonly name: string = "CallError";
  constructor(
    readonly code: CallErrorCode,
    /** The call's id, such as 42 or 42_7. */
    readonly id: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** An exception of the user's code; `stack` begins with the frames of that code. */
export class FunctionError extends CallError {
  override readonly name: string = "FunctionError";
  /** The class of the exception in its own language. */
  readonly type: string;
  /** Frames of the user's code; null if its language gave none. */
  readonly remoteStack: string | null;

  constructor(id: string, error: RemoteError, code: CallErrorCode = "FUNCTION") {
    super(code, id, error.message);
    this.type = error.type;
    this.remoteStack = error.stack;
    const here = (this.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
    const there = error.stack === null ? [] : [error.stack.trimEnd()];
    // Node's stacks begin with this line, Python's do not.
    const head = there[0]?.startsWith(`${error.type}: `) ? [] : [titleOf(error)];
    this.stack = [...head, ...there, ...here].join("\n");
  }
}

/** The code of the function could not be loaded, so that no handler ran. */
export class NotLoadedError extends FunctionError {
  override readonly name = "NotLoadedError";
  constructor(id: string, error: RemoteError) {
    super(id, error, "NOT_LOADED");
  }
}

/**
 * The result of a call that has ended; throws a CallError if it has none. `fetched`: the bytes of a
 * result that its answer names by its hash.
 * @internal
 */
export function resultOf(
  id: string,
  { state, reason, answer }: Pick<Outcome, "state" | "reason" | "answer">,
  fetched?: Uint8Array,
): unknown {
  if (answer?.kind === "result") return decode(answer.payload, fetched);
  // The end that the platform saw explains more than what is left of the worker.
  if (state === "TIMEOUT" || state === "OUT_OF_MEMORY" || state === "CANCELLED")
    throw new CallError(state, id, `call ${id}: ${reason ?? state}`);
  if (answer?.kind === "exception") throw new FunctionError(id, answer.error);
  if (answer?.kind === "notLoaded") throw new NotLoadedError(id, answer.error);
  if (state === "COMPLETED")
    throw new CallError("RESULT_REMOVED", id, `the result of call ${id} was removed for its age`);
  throw new CallError("FAILED", id, `call ${id}: ${reason ?? state}`);
}
