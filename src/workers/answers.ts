// What a worker's end of a call means for its user: a result, an error of the code, or the end of
// the process.

import { constants } from "node:os";
import type { CallAnswer, Payload, RemoteError } from "../model/call.js";
import { maxMessageLength, maxStackLength, maxTypeLength } from "../wire/call-checks.js";
import type { HandlerError } from "../wire/worker/messages.js";
import type { CallEnd } from "./worker-channel.js";
import type { WorkerFailure } from "./worker-failure.js";

const exception = (
  type: string,
  message: string,
  kind: "exception" | "notLoaded" = "exception",
): CallAnswer => ({ kind, error: { type, message, stack: null } });

/** The answer of a check: the handler is there. */
export const loaded: CallAnswer = {
  kind: "result",
  payload: { contentType: "", body: new Uint8Array() },
};

/** gleanerd refuses longer texts, which only a worker that breaks the protocol sends. */
const remoteError = ({ type, message, stack }: HandlerError): RemoteError => ({
  type: type.slice(0, maxTypeLength),
  message: message.slice(0, maxMessageLength),
  stack: stack === "" ? null : stack.slice(0, maxStackLength),
});

export const notLoaded = (error: HandlerError): CallAnswer => ({
  kind: "notLoaded",
  error: remoteError(error),
});

/** `kept`: the result, if a sink took it. */
export function answerOf(end: Exclude<CallEnd, { kind: "lost" }>, kept?: Payload): CallAnswer {
  if (end.kind === "failed") return { kind: "exception", error: remoteError(end.error) };
  const { contentType, output } = end;
  if (contentType.length > maxTypeLength)
    return exception(
      "ProtocolError",
      `the result's content type is longer than ${maxTypeLength} characters`,
    );
  const body = output ?? new Uint8Array();
  return { kind: "result", payload: kept ?? { contentType, body } };
}

/** How far a worker came before its process ended. */
export interface Progress {
  /** Why its connection ended, upon which it was killed. */
  readonly broken: Pick<WorkerFailure, "code" | "message"> | null;
  /** Its runtime has said hello, after the setup. */
  readonly hasRuntime: boolean;
  readonly hasLoaded: boolean;
  /** Its function has a setup. */
  readonly hasSetup: boolean;
  /** The interpreter that its function names, or null. */
  readonly python: string | null;
  /** The container image in which it starts, or null. */
  readonly image: string | null;
}

/** What is said of a time limit that was over before the worker was ready; null if it was ready. */
export function beforeReady({ hasLoaded, hasSetup }: Progress): string | null {
  if (hasLoaded) return null;
  const slow = hasSetup ? "its setup and imports" : "its imports";
  return `before its worker was ready: make ${slow} faster, or deploy with a longer --time`;
}

/** Both look alike from outside: the connection of a killed process closes, too. */
const killed =
  "the function's process was killed by SIGKILL before it answered: by itself, by another process of its user, or by its executor, because it had closed its connection (descriptor 3)";

/** The answer for a call whose process ended before it answered; null if a signal killed it. */
export function answerOfExit(
  { exitCode, signal }: { readonly exitCode: number; readonly signal: number },
  progress: Progress,
): CallAnswer | null {
  const { broken, hasRuntime, hasLoaded } = progress;
  const kind = hasLoaded ? "exception" : "notLoaded";
  const wasKilled = signal === constants.signals.SIGKILL;
  if (wasKilled && broken?.code === "CLOSED")
    // Somebody else did it, so it says nothing about the code, even while that was loaded.
    return exception("ProcessKilled", killed);
  // Once its connection is closed, it exits: that may be before it is killed.
  const isItsEnd = wasKilled || (signal === 0 && hasRuntime);
  if (isItsEnd && broken !== null && broken.code !== "CLOSED") {
    const type = broken.code === "LEFT" ? "ProcessExited" : "ProtocolError";
    return exception(type, broken.message, kind);
  }
  if (signal !== 0) return null;
  if (!hasRuntime) return notStarted(exitCode, progress);
  const before = hasLoaded ? "before it answered" : "before it had loaded the handler";
  return exception(
    "ProcessExited",
    `the function's process exited with status ${exitCode} ${before}`,
    kind,
  );
}

/** What it printed tells more than its status. */
function notStarted(exitCode: number, { hasSetup, python, image }: Progress): CallAnswer {
  const inContainer = `its start in the image ${image}`;
  const [type, who] =
    image !== null
      ? ["ImageFailed", hasSetup ? `the setup or ${inContainer}` : inContainer]
      : hasSetup
        ? ["SetupFailed", "the setup"]
        : [
            "RuntimeFailed",
            python === null ? "the runtime's program" : `the interpreter ${python}`,
          ];
  const advice =
    type === "SetupFailed" && exitCode === 0
      ? "a setup must not call exit or exec, since the worker starts in the same shell"
      : "the log of the call has what it printed";
  return exception(
    type!,
    `${who} ended with status ${exitCode} before the worker was ready: ${advice}`,
    "notLoaded",
  );
}
