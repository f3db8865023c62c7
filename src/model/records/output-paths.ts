// The files that a function writes, by the file name patterns of sbatch.

import type { Invocation } from "../invocation.js";
import { fillPattern } from "./file-pattern.js";

/** Slurm's default names, so that scripts find their output where they expect it. */
const defaultPattern = (invocation: Invocation): string =>
  invocation.arrayJobId === null ? "slurm-%j.out" : "slurm-%A_%a.out";

/**
 * The absolute path of an output file; if `pattern` is null, Slurm's default name in the working
 * directory.
 */
export function outputPath(
  pattern: string | null,
  invocation: Invocation,
  node: string,
  workingDirectory: string,
): string {
  const names = { ...invocation, user: invocation.owner.user, node };
  return pathIn(workingDirectory, fillPattern(pattern ?? defaultPattern(invocation), names));
}

/** The folder is a name as it is: only the file's may have patterns. */
export const pathIn = (folder: string, file: string): string =>
  file.startsWith("/") ? file : `${folder.replace(/\/+$/, "")}/${file}`;
