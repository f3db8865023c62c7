// Reads the script of a submission up to a maximum size and refuses what sbatch refuses.

import { isUtf8 } from "node:buffer";
import { closeSync, existsSync, fstatSync, openSync } from "node:fs";
import { delimiter, join } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import { maxScriptBytes } from "../../sdk/client.js";
import { readAtMost } from "../bounded-read.js";

const standardInput = 0;

/** A script that came by standard input, which can be read once only. */
let inputRead: string | null = null;

export const scriptFromInput = (): string | null => inputRead;

const bad = (sentence: string, cause?: unknown): GleanerError =>
  new GleanerError("BAD_REQUEST", sentence, { cause });

/** As sbatch does, takes a script from a folder of PATH if there is none with its name here. */
export function findScript(path: string, { PATH = "" }: NodeJS.ProcessEnv): string {
  if (path.includes("/") || existsSync(path)) return path;
  const places = PATH.split(delimiter).map((folder) => join(folder, path));
  return places.find((place) => existsSync(place)) ?? path;
}

/** Reads and checks a file, or standard input for `null`; `shown` names it in error messages. */
export function readScript(path: string | null, shown: string): string {
  const bytes = path === null ? readBounded(standardInput, shown) : readFile(path, shown);
  if (path === null) inputRead = bytes.toString("latin1");
  const problem = whyNoScript(bytes);
  if (problem !== null) throw bad(`${shown}: ${problem}`);
  return bytes.toString("utf8");
}

function readFile(path: string, shown: string): Buffer {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw bad(
      `cannot open the script ${shown} (${messageOf(error)}): check its name and permissions`,
      error,
    );
  }
  try {
    if (fstatSync(file).isDirectory()) throw bad(`${shown} is a directory: name a script`);
    return readBounded(file, shown);
  } finally {
    closeSync(file);
  }
}

function readBounded(file: number, shown: string): Buffer {
  let bytes: Buffer | null;
  try {
    bytes = readAtMost(file, maxScriptBytes);
  } catch (error) {
    throw bad(
      `cannot read the script ${shown} (${messageOf(error)}): check that it is a regular file`,
      error,
    );
  }
  if (bytes !== null) return bytes;
  throw bad(`${shown} is larger than ${maxScriptBytes} bytes: move its data into separate files`);
}

/** Makes sbatch's checks, in sbatch's words where it has any; null for a valid script. */
export function whyNoScript(bytes: Buffer): string | null {
  if (bytes.length === 0)
    return "the script is empty: begin it with #!/bin/sh and add the commands to run";
  if (bytes.includes(0))
    return "the script contains NUL bytes, so it is a program or data: run a program with --wrap";
  if (!isUtf8(bytes)) return "the script is not UTF-8 text: convert it with iconv -t utf-8";
  const text = bytes.toString("utf8");
  if (text.trim() === "") return "the script contains only whitespace: add the commands to run";
  if (!text.startsWith("#!"))
    return "This does not look like a batch script. The first line must start with #! followed by the path to an interpreter. For instance: #!/bin/sh";
  if (text.includes("\r\n"))
    return "Batch script contains DOS line breaks (\\r\\n) instead of expected UNIX line breaks (\\n): convert it with dos2unix";
  return null;
}
