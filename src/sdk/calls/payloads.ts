// Values as payloads: JSON unless they are bytes, and back by the content type.

import { maxPayloadBytes } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import { textOf } from "../../wire/api/payloads.js";
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
 * Bytes and Content as they are, also what lies under a typed array; everything else as JSON.
 * Throws LIMIT_REACHED, BAD_REQUEST.
 * @internal
 */
export function contentOf(input: unknown): Content {
  const content = asContent(input);
  const bytes = sizeOf(content);
  if (bytes > maxPayloadBytes)
    throw new GleanerError(
      "LIMIT_REACHED",
      `the input has ${bytes} bytes and the limit is ${maxPayloadBytes}: put the data into a file on a shared file system, and name it in the input`,
    );
  return content;
}

/** @internal */
export const sizeOf = ({ body }: Content): number =>
  typeof body === "string" ? Buffer.byteLength(body) : body.length;

/**
 * An input with all its bytes in it. Throws as contentOf() does.
 * @internal
 */
export function encode(input: unknown): PayloadText {
  const { contentType, body } = contentOf(input);
  if (typeof body === "string") return { contentType, text: body };
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return { contentType, base64: bytes.toString("base64") };
}

const binary = "application/octet-stream";

function asContent(input: unknown): Content {
  if (input instanceof Content) return input;
  if (input instanceof Uint8Array) return new Content(binary, input);
  if (ArrayBuffer.isView(input)) {
    const { buffer, byteOffset, byteLength } = input;
    return new Content(binary, new Uint8Array(buffer, byteOffset, byteLength));
  }
  if (input instanceof ArrayBuffer || input instanceof SharedArrayBuffer)
    return new Content(binary, new Uint8Array(input));
  return new Content("application/json", jsonOf(input));
}

function jsonOf(input: unknown): string {
  try {
    const text = JSON.stringify(input ?? null);
    if (text !== undefined && (text !== "{}" || kindOf(input) === "Object")) return text;
  } catch (cause) {
    throw new GleanerError("BAD_REQUEST", "the input cannot be written as JSON", { cause });
  }
  throw new GleanerError(
    "BAD_REQUEST",
    `a ${nameOf(input)} cannot be an input: give a value that JSON can express, or bytes`,
  );
}

/** JSON makes {} of a Map, a promise or an error, of which nothing would be left. */
const kindOf = (input: unknown): string =>
  Object.prototype.toString.call(input).slice("[object ".length, -1);

const nameOf = (input: unknown): string =>
  typeof input === "object" ? kindOf(input) : typeof input;

/**
 * JSON as its value, other text as a string, anything else as bytes. `fetched`: what a payload that
 * gleanerd keeps by its hash consists of.
 * @internal
 */
export function decode(payload: PayloadText, fetched?: Uint8Array): unknown {
  const { contentType, base64 } = payload;
  const body = fetched ?? Buffer.from(base64 ?? "", "base64");
  const text = fetched === undefined ? payload.text : (textOf(contentType, fetched) ?? undefined);
  if (text === undefined) return new Uint8Array(body);
  return /^application\/json\b/.test(contentType) ? JSON.parse(text) : text;
}
