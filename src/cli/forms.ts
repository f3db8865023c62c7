// The output formats of figures, of which a command uses one: text, CSV, JSON or an HTML file.

import { writeFileSync } from "node:fs";
import { GleanerError, messageOf } from "../model/errors.js";
import { print } from "./output.js";

export interface Forms {
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly html?: string;
}

/** Throws BAD_REQUEST if more than one format is requested. */
export function requireOneForm({ json, csv, html }: Forms): void {
  if ([json, csv, html].filter((each) => each !== undefined).length > 1)
    throw new GleanerError(
      "BAD_REQUEST",
      "--json, --csv and --html are mutually exclusive: give only one of them",
    );
}

/** Throws STORE if the file cannot be written. */
export function savePage(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (cause) {
    throw new GleanerError(
      "STORE",
      `cannot write the page (${messageOf(cause)}): give --html a file that you may write`,
      { cause },
    );
  }
  print(`Wrote ${file}\n`);
}
