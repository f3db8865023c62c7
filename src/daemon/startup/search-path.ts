// Where gleanerd finds Slurm's commands: not in the folders of `glean install-aliases`, which a
// user's shell may have first in PATH, as these would ask gleanerd itself.

import { closeSync, openSync, readSync } from "node:fs";
import { delimiter, join } from "node:path";
import { aliasMark } from "../../model/slurm/own-names.js";

/** An alias of each folder that has some. */
const sample = "scontrol";
/** The mark is in the second line. */
const readBytes = 200;

export const withoutAliases = (path: string): string =>
  path
    .split(delimiter)
    .filter((folder) => !isAlias(join(folder, sample)))
    .join(delimiter);

function isAlias(file: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch {
    // Not there, or not readable, and then nobody runs it.
    return false;
  }
  try {
    const start = Buffer.alloc(readBytes);
    return start.toString("latin1", 0, readSync(descriptor, start)).includes(aliasMark);
  } catch {
    // A folder of that name.
    return false;
  } finally {
    closeSync(descriptor);
  }
}
