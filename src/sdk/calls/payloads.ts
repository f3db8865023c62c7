// Values as payloads: JSON unless they are bytes, and back by the content type.

import { maxPayloadBytes } from "../../model/call.js";
import { GleanerError, messageOf } from "../../model/errors.js";
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

/** @internal */
export const bytesOf = ({ body }: Content): Uint8Array =>
  typeof body === "string" ? Buffer.from(body) : body;

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
  let text: string | undefined;
  try {
    text = JSON.stringify(input ?? null);
  } catch (cause) {
    const [reason] = messageOf(cause).split("\n");
    throw bad(`the input cannot be written as JSON (${reason})`, cause);
  }
  if (text === undefined) throw bad(`a ${typeof input} cannot be an input`);
  // Only these can stand for what JSON has lost.
  if (text.includes("{}") || text.includes("null")) checkJson(input);
  return text;
}

const bad = (problem: string, cause?: unknown): GleanerError =>
  new GleanerError("BAD_REQUEST", `${problem}: give a value that JSON can express, or bytes`, {
    cause,
  });

/** Throws BAD_REQUEST with the place of what JSON makes {} or null of, such as a Map or NaN. */
function checkJson(input: unknown): void {
  const places = new Map<unknown, string>();
  JSON.stringify(input, function (this: object, key: string, value: unknown) {
    const isRoot = places.size === 0;
    const place = isRoot ? "" : `${places.get(this)}${stepTo(this, key)}`;
    const lost = lostOf(value, Reflect.get(this, key), this);
    if (lost !== null)
      throw bad(isRoot ? `${lost} cannot be an input` : `the input has ${lost} at input${place}`);
    if (isRoot || (typeof value === "object" && value !== null)) places.set(value, place);
    return value;
  });
}

const stepTo = (holder: object, key: string): string => {
  if (Array.isArray(holder)) return `[${key}]`;
  return /^[a-z_$][\w$]*$/i.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
};

/** How to call what is lost; null if nothing is. `given`: before its toJSON(). */
function lostOf(value: unknown, given: unknown, holder: object): string | null {
  if (typeof value === "number") return Number.isFinite(value) ? null : String(value);
  if (value === null) return given instanceof Date ? "an invalid Date" : null;
  if (typeof value === "function" || typeof value === "symbol")
    return Array.isArray(holder) ? `a ${typeof value}` : null;
  if (typeof value !== "object" || Array.isArray(value)) return null;
  const kind = Object.prototype.toString.call(value).slice("[object ".length, -1);
  return kind === "Object" || Object.keys(value).length > 0 || wraps(value) ? null : named(kind);
}

const named = (kind: string): string => `${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind}`;

/** JSON takes what is in these. */
const wraps = (value: object): boolean =>
  value instanceof Number || value instanceof String || value instanceof Boolean;

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
