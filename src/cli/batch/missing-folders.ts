// Tells the user of folders that a script needs and that do not exist where it is submitted: sbatch
// does not make them, and the function would fail on its node, which may be much later.

import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { quoted } from "../values.js";
import type { BatchSettings } from "./options/option.js";

type Paths = Pick<BatchSettings, "workingDirectory" | "stdoutPattern" | "stderrPattern">;

/** A note for each folder; nodes may have folders that this machine has not. */
export function missingFolders({
  workingDirectory,
  stdoutPattern,
  stderrPattern,
}: Paths): readonly string[] {
  const within = resolve(workingDirectory ?? ".");
  const needed = new Map<string, string>();
  if (workingDirectory !== null) needed.set(within, "--chdir");
  for (const [option, pattern] of [
    ["--output", stdoutPattern],
    ["--error", stderrPattern],
  ] as const) {
    if (pattern === null) continue;
    const folder = dirname(resolve(within, pattern));
    // What stands for a percent sign or a backslash is known only where it runs.
    if (!/[%\\]/.test(folder) && !needed.has(folder)) needed.set(folder, option);
  }
  return [...needed]
    .filter(([folder]) => isMissing(folder))
    .map(
      ([folder, option]) =>
        `${option}: there is no folder ${quoted(folder)} here, and it fails unless its node has one: make it with mkdir -p`,
    );
}

/** One that this user may not search may be there. */
function isMissing(folder: string): boolean {
  try {
    return !statSync(folder).isDirectory();
  } catch (thrown) {
    return ["ENOENT", "ENOTDIR"].includes((thrown as NodeJS.ErrnoException).code ?? "");
  }
}
