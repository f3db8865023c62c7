// Fields of the worker protocol: `name=value` in UTF-8, each ended by a NUL byte, so that a runtime
// needs no JSON for them.

import { FrameError } from "./framing.js";

export type Fields = Readonly<Record<string, string>>;
type Given = Readonly<Record<string, string | number | undefined>>;

const utf8 = new TextDecoder("utf-8", { fatal: true });
const namePattern = /^[a-z][A-Za-z0-9]{0,31}$/;

/** Omits what is undefined; NUL bytes in a value become spaces. */
export function encodeFields(given: Given): Buffer {
  const texts = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${String(value).replaceAll("\0", " ")}\0`],
  );
  return Buffer.from(texts.join(""));
}

/** Unknown names are kept: a later version may have more. A name must not come twice. */
export function decodeFields(payload: Uint8Array): Fields {
  if (payload.length === 0) return {};
  if (payload[payload.length - 1] !== 0) throw garbage("the last one does not end");
  const found: Record<string, string> = Object.create(null);
  for (const text of decodeText(payload.subarray(0, -1)).split("\0")) {
    const at = text.indexOf("=");
    const name = text.slice(0, Math.max(0, at));
    if (!namePattern.test(name)) throw garbage("one has no valid name");
    if (name in found) throw garbage(`${name} comes twice`);
    found[name] = text.slice(at + 1);
  }
  return found;
}

/** Throws GARBAGE unless the bytes are UTF-8. */
export function decodeText(bytes: Uint8Array, at = 0, end = bytes.length): string {
  if (end - at <= shortBytes && Buffer.isBuffer(bytes) && isAscii(bytes, at, end))
    return bytes.toString("latin1", at, end);
  try {
    return utf8.decode(bytes.subarray(at, end));
  } catch {
    throw garbage("a text is not UTF-8");
  }
}

/** Names and content types of calls are shorter; the decoder for all texts is slow for them. */
const shortBytes = 64;

function isAscii(bytes: Uint8Array, at: number, end: number): boolean {
  for (let each = at; each < end; each++) if (bytes[each]! > 0x7f) return false;
  return true;
}

export function requiredField(fields: Fields, name: string): string {
  const value = fields[name];
  if (value === undefined) throw garbage(`${name} is missing`);
  return value;
}

/** A whole number of at most 2^53 - 1; undefined if the field is missing. */
export function numberField(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw garbage(`${name} is not a number`);
  return number;
}

const garbage = (what: string) =>
  new FrameError("GARBAGE", `a message has invalid fields: ${what}`);
