// The input of one call as it is given on a command line.

import { existsSync, readFileSync, statSync } from "node:fs";
import { GleanerError, messageOf } from "../../model/errors.js";
import { type Content, maxPayloadBytes } from "../../sdk/index.js";
import { contentOf } from "./content.js";

export interface InputOptions {
  readonly input?: string;
  readonly type?: string;
}

export const inputOf = ({ input, type }: InputOptions): Content => contentOf(bytesOf(input), type);

function bytesOf(input: string | undefined): Buffer {
  if (input === undefined) return Buffer.from("null");
  if (input !== "-" && !existsSync(input)) return Buffer.from(input);
  try {
    const { size } = input === "-" ? { size: 0 } : statSync(input);
    if (size > maxPayloadBytes) throw tooLarge(input, size);
    return readFileSync(input === "-" ? 0 : input);
  } catch (cause) {
    if (cause instanceof GleanerError) throw cause;
    throw new GleanerError("BAD_REQUEST", `${input} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}

const tooLarge = (name: string, bytes: number): GleanerError =>
  new GleanerError(
    "LIMIT_REACHED",
    `${name} has ${bytes} bytes and the limit of an input is ${maxPayloadBytes}: keep the data on a shared file system, and name it in the input`,
  );
