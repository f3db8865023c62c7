// Loads the configuration file and checks it; its keys are in config/schema.ts.

import { closeSync, openSync, readSync } from "node:fs";
import { parseDocument } from "yaml";
import type { z } from "zod";
import { functions } from "./config/functions.js";
import { schema } from "./config/schema.js";
import { GleanerError, messageOf } from "./model/errors.js";
import { nearest } from "./model/nearest.js";
import { complaintOf } from "./model/shaped.js";

/** What a site has that says nothing of functions. */
export const defaultFunctions = (): Config["functions"] => functions.parse({});

export type Config = z.output<typeof schema>;

export const defaultConfigPath = "/etc/gleaner/gleaner.yaml";
/** Larger than any valid file; keeps a wrong path from filling memory. */
const maxConfigBytes = 1024 * 1024;

/** Returns the file to read: `--config`, else `$GLEANER_CONF`, else /etc/gleaner/gleaner.yaml. */
export function configPath(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  return option ?? environment.GLEANER_CONF ?? defaultConfigPath;
}

/** Reads and checks the file; throws CONFIG with the file, the key and the remedy. */
export function loadConfig(file: string): Config {
  let bytes: Buffer;
  try {
    bytes = readStart(file);
  } catch (cause) {
    const hint =
      "create it (see configs/gleaner.yaml), or name another file with --config or GLEANER_CONF";
    throw new GleanerError("CONFIG", `cannot read ${file} (${messageOf(cause)}): ${hint}`, {
      cause,
    });
  }
  if (bytes.length > maxConfigBytes)
    throw new GleanerError(
      "CONFIG",
      `${file} is larger than ${maxConfigBytes} bytes: check that it is the configuration file`,
    );
  return parseConfig(parseYaml(bytes.toString("utf8"), file), file);
}

/**
 * Throws CONFIG, naming the file, for what is no YAML, or has tags that mean nothing here; an empty
 * text has no keys.
 */
export function parseYaml(text: string, file: string): unknown {
  try {
    // Else it prints warnings on standard error.
    const document = parseDocument(text, { logLevel: "error" });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    return document.toJS() ?? {};
  } catch (cause) {
    // The first line names the place; a picture of it follows.
    const what = messageOf(cause).split("\n")[0]!.replace(/:$/, "");
    throw new GleanerError("CONFIG", `${file} is not valid YAML: ${what}`, { cause });
  }
}

/** Reads the file, but at most one byte more than it may have. */
function readStart(file: string): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.allocUnsafe(maxConfigBytes + 1);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count)
      count = readSync(descriptor, bytes, length, bytes.length - length, null);
    return bytes.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** Checks a parsed file; `source` names it in error messages. */
export function parseConfig(value: unknown, source: string): Config {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const place = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const known = keysAt(issue.path);
    const full = [...issue.path, key].join(".");
    throw new GleanerError(
      "CONFIG",
      `${source}: unknown key ${full}; did you mean ${nearest(key, known)}? Keys at this place: ${known.join(", ")}`,
    );
  }
  throw new GleanerError("CONFIG", `${source}: ${place || "the file"}: ${complaintOf(issue)}`);
}

/** Returns the keys at a path of the defaults, which contain every key. */
function keysAt(at: readonly PropertyKey[]): string[] {
  let value: unknown = schema.parse({});
  for (const key of at) value = (value as Record<PropertyKey, unknown>)[key];
  return Object.keys(value as object);
}
