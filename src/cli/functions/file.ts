// Reads function.yaml beside the code: its keys are the long options of `glean function deploy`.

import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import { nearest } from "../../model/nearest.js";
import { readAtMost } from "../bounded-read.js";
import { deployOptions, type Given } from "./options.js";

const fileName = "function.yaml";
/** Variables of the environment may be long; all options together are far shorter. */
const maxFileBytes = 1_048_576;

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);

/** What the function.yaml of a folder, or beside a file, says; nothing if there is none. */
export async function readFunctionFile(path: string): Promise<Given[]> {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const file = join(isFolder ? path : dirname(path), fileName);
  if (!existsSync(file)) return [];
  const text = textIn(file);
  // YAML is in a bundle of its own, since it slows the start.
  const { parseYaml } = await import("../../config.js");
  return optionsIn(parseYaml(text, file), file);
}

function textIn(file: string): string {
  let bytes: Buffer | null;
  try {
    const opened = openSync(file, "r");
    try {
      bytes = readAtMost(opened, maxFileBytes);
    } finally {
      closeSync(opened);
    }
  } catch (cause) {
    throw bad(`cannot read ${file} (${messageOf(cause)})`);
  }
  if (bytes !== null) return bytes.toString();
  throw bad(`${file} has more than ${maxFileBytes} bytes: keep data in other files of the folder`);
}

/** Throws BAD_REQUEST, naming the key, for what is no option or has no value of one. */
function optionsIn(value: unknown, file: string): Given[] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw bad(`${file}: expected keys with values, such as runtime: python`);
  return Object.entries(value).flatMap(([key, each]) => {
    const where = `${file}: ${key}`;
    if (!deployOptions.some(({ name }) => name === key)) throw unknownKey(file, key);
    if (key === "env") return variablesIn(each, where);
    return [{ option: key, value: textOf(each, where), where }];
  });
}

function unknownKey(file: string, key: string): GleanerError {
  const known = deployOptions.map(({ name }) => name);
  return bad(
    `${file}: unknown key ${key.slice(0, 60)}; did you mean ${nearest(key.slice(0, 60), known)}? Keys: ${known.join(", ")}`,
  );
}

function variablesIn(value: unknown, where: string): Given[] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw bad(`${where}: expected a mapping of names to values`);
  return Object.entries(value).map(([name, each]) => ({
    option: "env",
    value: `${name}=${textOf(each, `${where}.${name}`)}`,
    where: `${where}.${name}`,
  }));
}

function textOf(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw bad(`${where}: expected a text, a number, true or false`);
}
