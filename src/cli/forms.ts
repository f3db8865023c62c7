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
  saveFile(file, page, "the page", "--html");
  print(`Wrote ${file}\n`);
}

/** Throws STORE, naming the option, if the file cannot be written. */
export function saveFile(file: string, text: string, name: string, option: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new GleanerError(
      "STORE",
      `cannot write ${name} (${messageOf(cause)}): give ${option} a file that you may write`,
      { cause },
    );
  }
}
