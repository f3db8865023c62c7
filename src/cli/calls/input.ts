// The input of one call as it is given on a command line.

import { closeSync, existsSync, fstatSync, openSync } from "node:fs";
import { GleanerError, messageOf } from "../../model/errors.js";
import { type Content, maxPayloadBytes } from "../../sdk/index.js";
import { readAtMost } from "../bounded-read.js";
import { complain } from "../output.js";
import { contentOf } from "./content.js";

export interface InputOptions {
  readonly input?: string;
  readonly type?: string;
}

export function inputOf({ input, type }: InputOptions): Content {
  const content = contentOf(bytesOf(input), type);
  if (type === undefined) noteBrokenJson(content);
  return content;
}

/** Whoever forgot a brace would otherwise learn it from a handler that got bytes. */
function noteBrokenJson({ contentType, body }: Content): void {
  if (typeof body !== "string" || !contentType.startsWith("text/") || !/^\s*[{[]/.test(body))
    return;
  try {
    JSON.parse(body);
  } catch (thrown) {
    const why = messageOf(thrown);
    complain(
      `note: the input is not JSON (${why}), so it is sent as text: correct it, or give --type text/plain`,
    );
  }
}

function bytesOf(input: string | undefined): Buffer {
  if (input === undefined) return Buffer.from("null");
  if (input !== "-" && !existsSync(input)) {
    if (isLikeName(input)) complain(`note: there is no file ${input}: its name is the input`);
    return Buffer.from(input);
  }
  try {
    if (input === "-") return readInput(0, "standard input");
    const file = openSync(input, "r");
    try {
      return readInput(file, input);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof GleanerError) throw cause;
    throw new GleanerError("BAD_REQUEST", `${input} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function readInput(file: number, shown: string): Buffer {
  const { size } = fstatSync(file);
  if (size > maxPayloadBytes) throw tooLarge(shown, `${size}`);
  const bytes = readAtMost(file, maxPayloadBytes);
  if (bytes === null) throw tooLarge(shown, `more than ${maxPayloadBytes}`);
  return bytes;
}

/** `photo.jpg` and `../in/7`, but no number, no JSON and no sentence. */
const isLikeName = (input: string): boolean =>
  /^[\w.~/+-]+$/.test(input) && /\/|\.[a-z]\w{0,7}$/i.test(input);

const tooLarge = (name: string, bytes: string): GleanerError =>
  new GleanerError(
    "LIMIT_REACHED",
    `${name} has ${bytes} bytes and the limit of an input is ${maxPayloadBytes}: keep the data on a shared file system, and name it in the input`,
  );
