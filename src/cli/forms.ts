// The forms that figures can be asked for in, one at a time: text, CSV, JSON, or a page in a file.

import { writeFileSync } from "node:fs";
import { GleanerError, messageOf } from "../model/errors.js";
import { print } from "./output.js";

export interface Forms {
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly html?: string;
}

/** Throws BAD_REQUEST when more than one was asked for. */
export function requireOneForm({ json, csv, html }: Forms): void {
  if ([json, csv, html].filter((each) => each !== undefined).length > 1)
    throw new GleanerError("BAD_REQUEST", "--json, --csv and --html exclude each other: take one");
}

/** Throws STORE when the file cannot be written. */
export function savePage(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (cause) {
    throw new GleanerError(
      "STORE",
      `cannot write the page (${messageOf(cause)}): name a file you may write after --html`,
      { cause },
    );
  }
  print(`Wrote ${file}\n`);
}
