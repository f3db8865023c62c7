// The PATH of what gleanerd starts, without the folders of `glean install-aliases`, which a user's
// shell may have first in PATH: scripts that gleanerd starts find Slurm's commands, too.

import { readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { isAlias } from "../../processes/find-program.js";

/** Folders that hold other programs as well are kept: munge and ssh may be there. */
export const withoutAliases = (path: string): string =>
  path
    .split(delimiter)
    .filter((folder) => !hasOnlyAliases(folder))
    .join(delimiter);

function hasOnlyAliases(folder: string): boolean {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return false;
  }
  return names.length > 0 && names.every((name) => isAlias(join(folder, name)));
}
