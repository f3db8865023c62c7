// The input of one call as it is given on a command line.

import { existsSync, readFileSync } from "node:fs";
import { GleanerError, messageOf } from "../../model/errors.js";
import { encode, type PayloadText } from "../../sdk/index.js";
import { contentOf } from "./content.js";

export interface InputOptions {
  readonly input?: string;
  readonly type?: string;
}

export const inputOf = ({ input, type }: InputOptions): PayloadText =>
  encode(contentOf(bytesOf(input), type));

function bytesOf(input: string | undefined): Buffer {
  if (input === undefined) return Buffer.from("null");
  if (input !== "-" && !existsSync(input)) return Buffer.from(input);
  try {
    return readFileSync(input === "-" ? 0 : input);
  } catch (cause) {
    throw new GleanerError("BAD_REQUEST", `${input} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}
