// Finds programs in PATH, but no alias that `glean install-aliases` made of a name of Slurm's: it
// would ask gleanerd, which looks for Slurm's own.

import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { aliasMark } from "../model/slurm/own-names.js";

/** The mark is in the second line. */
const readBytes = 200;

/** Its path, or the name if PATH does not have it. Throws if PATH has only an alias. */
export function findProgram(name: string, path: string | undefined): string {
  if (path === undefined || name.includes("/")) return name;
  let alias: string | null = null;
  // No further than needed: a folder on a file system that hangs would hold up everything.
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    if (!isProgram(file)) continue;
    if (!isAlias(file)) return file;
    alias ??= file;
  }
  if (alias !== null)
    throw new Error(`${alias} is an alias of Gleaner's, and nothing else in PATH is ${name}`);
  return name;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** False also if it cannot be read. */
export function isAlias(file: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch {
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
