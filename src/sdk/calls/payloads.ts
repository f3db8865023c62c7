// Values as payloads: JSON unless they are bytes, and back by the content type.

import { maxInputBytes } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import type { PayloadText } from "../../wire/api/types.js";

/** The inputs of a map, in their order. */
export type Inputs = Iterable<unknown> | AsyncIterable<unknown>;

/** An input with a content type of its own. */
export class Content {
  constructor(
    readonly contentType: string,
    readonly body: string | Uint8Array,
  ) {}
}

/**
 * Bytes and Content as they are, everything else as JSON. Throws LIMIT_REACHED, BAD_REQUEST.
 * @internal
 */
export function encode(input: unknown): PayloadText {
  const payload = payloadOf(input);
  const { text, base64 } = payload;
  const bytes = Buffer.byteLength(text ?? base64!, text === undefined ? "base64" : "utf8");
  if (bytes > maxInputBytes)
    throw new GleanerError(
      "LIMIT_REACHED",
      `the input has ${bytes} bytes and the limit is ${maxInputBytes}: put the data into a file that the function reads`,
    );
  return payload;
}

function payloadOf(input: unknown): PayloadText {
  if (input instanceof Content) {
    const { contentType, body } = input;
    return typeof body === "string" ? { contentType, text: body } : bytesOf(contentType, body);
  }
  if (input instanceof Uint8Array) return bytesOf("application/octet-stream", input);
  return { contentType: "application/json", text: jsonOf(input) };
}

const bytesOf = (contentType: string, bytes: Uint8Array): PayloadText => ({
  contentType,
  base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
});

function jsonOf(input: unknown): string {
  try {
    const text = JSON.stringify(input ?? null);
    if (text !== undefined) return text;
  } catch (cause) {
    throw new GleanerError("BAD_REQUEST", "the input cannot be written as JSON", { cause });
  }
  throw new GleanerError(
    "BAD_REQUEST",
    `a ${typeof input} cannot be an input: give a value that JSON can express, or bytes`,
  );
}

/**
 * JSON as its value, other text as a string, anything else as bytes.
 * @internal
 */
export function decode({ contentType, text, base64 }: PayloadText): unknown {
  if (text === undefined) return new Uint8Array(Buffer.from(base64!, "base64"));
  return /^application\/json\b/.test(contentType) ? JSON.parse(text) : text;
}
