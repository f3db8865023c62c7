// Puts links to the user's own files in the place of their copies, for a debugger: an editor sets
// its breakpoints in the files that it shows, and debuggers find code by its real path.

import { chmod, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SourceEntry } from "../bundle/pack.js";

export async function linkOwnFiles(
  directory: string,
  entries: readonly SourceEntry[],
): Promise<void> {
  for (const entry of entries) {
    if (entry.kind === "link") continue;
    const copy = join(directory, entry.name);
    await chmod(dirname(copy), 0o700);
    await rm(copy);
    await symlink(entry.path, copy);
    await chmod(dirname(copy), 0o500);
  }
}
