// Inputs and outputs of handlers: JSON as values, everything else as bytes.

import { messageOf } from "../../model/errors.js";
import { UserError } from "./user-error.js";

export interface Output {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** `application/json` and what is derived from it, such as `application/geo+json`. */
const json = /^application\/(?:[^;\s]+\+)?json\s*(?:;|$)/i;

/** Throws UserError for JSON that is none. */
export function readInput(contentType: string, bytes: Buffer): unknown {
  if (!json.test(contentType)) return bytes;
  try {
    return bytes.length === 0 ? null : JSON.parse(bytes.toString());
  } catch (thrown) {
    const message = `the input is not valid JSON: ${messageOf(thrown)}`;
    throw new UserError("input", "SyntaxError", message);
  }
}

/** Throws UserError for a result that cannot be sent. */
export function writeOutput(result: unknown, limitBytes: number): Output {
  const output = outputOf(result);
  const { length } = output.bytes;
  if (length <= limitBytes) return output;
  const message = `the result has ${length} bytes; the limit is ${limitBytes}`;
  throw new UserError("output", "OutputTooLarge", message);
}

function outputOf(result: unknown): Output {
  if (result instanceof Uint8Array) return binary(result);
  if (ArrayBuffer.isView(result)) {
    const { buffer, byteOffset, byteLength } = result;
    return binary(new Uint8Array(buffer, byteOffset, byteLength));
  }
  if (result instanceof ArrayBuffer || result instanceof SharedArrayBuffer)
    return binary(new Uint8Array(result));
  if (typeof result === "string") return { contentType: "text/plain", bytes: Buffer.from(result) };
  return { contentType: "application/json", bytes: Buffer.from(jsonOf(result ?? null)) };
}

const binary = (bytes: Uint8Array): Output => ({ contentType: "application/octet-stream", bytes });

function jsonOf(result: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(result);
  } catch (thrown) {
    const [reason] = messageOf(thrown).split("\n");
    const message = `the result cannot be sent as JSON: ${reason}`;
    throw new UserError("output", "TypeError", message);
  }
  if (text !== undefined && (text !== "{}" || isPlain(result))) return text;
  const message = `the result is of the type ${typeName(result)}, which JSON does not have: return bytes, a string or a JSON value`;
  throw new UserError("output", "TypeError", message);
}

/** `Map`, `Generator`, or the name of the user's class. */
function typeName(result: unknown): string {
  const name = Object.prototype.toString.call(result).slice("[object ".length, -1);
  if (name !== "Object") return name;
  const made = (result as { constructor?: unknown }).constructor;
  return (typeof made === "function" && String(made.name)) || name;
}

/** JSON makes {} of a Map, a generator or an error, of which nothing would be left. */
function isPlain(result: unknown): boolean {
  const prototype: unknown = Object.getPrototypeOf(result);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
