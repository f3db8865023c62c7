// Errors of the user's code as the executor gets them: type, message and the user's own stack.

import { inspect, types } from "node:util";
import type { ErrorKind, HandlerError } from "../../wire/worker/messages.js";

/** An error that the runtime found in what the user's code did or was given. */
export class UserError extends Error {
  constructor(
    readonly kind: ErrorKind,
    readonly type: string,
    message: string,
  ) {
    super(message);
  }
}

const maxCauses = 4;
/** An AggregateError, such as that of Promise.any, may have many. */
const maxParts = 5;
const maxShownLength = 1_000;
/** The file of this program, as stacks name it. */
const ownFile = __filename;

/** Whatever was thrown: a proxy or a getter of the user may throw again. */
export function describeThrown(thrown: unknown): HandlerError {
  try {
    if (thrown instanceof UserError)
      return { kind: thrown.kind, type: thrown.type, message: thrown.message, stack: "" };
    if (types.isNativeError(thrown) || thrown instanceof Error)
      return {
        kind: "exception",
        type: String(thrown.name),
        message: String(thrown.message),
        stack: stackOf(thrown, maxCauses),
      };
    const message = `the handler threw a value that is no Error: ${shown(thrown)}`;
    return { kind: "exception", type: nameOf(thrown), message, stack: "" };
  } catch {
    const message = "the handler threw a value that cannot be shown";
    return { kind: "exception", type: typeof thrown, message, stack: "" };
  }
}

function stackOf(error: Error, causesLeft: number): string {
  const stack = typeof error.stack === "string" ? error.stack : "";
  const own = stack
    .split("\n")
    .filter((line) => !/^\s+at /.test(line) || !(line.includes(ownFile) || /\bnode:/.test(line)))
    .join("\n");
  if (causesLeft === 0) return own;
  const below = (under: unknown): string =>
    types.isNativeError(under) || under instanceof Error
      ? stackOf(under, causesLeft - 1)
      : shown(under);
  const { cause } = error;
  const parts = error instanceof AggregateError ? [...error.errors] : [];
  return [
    own,
    ...parts.slice(0, maxParts).map((part, at) => `${at + 1} of ${parts.length}: ${below(part)}`),
    ...(cause === undefined ? [] : [`Caused by: ${below(cause)}`]),
  ].join("\n");
}

const shown = (value: unknown): string =>
  inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY }).slice(0, maxShownLength);

function nameOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return value.constructor?.name ?? "Object";
}
