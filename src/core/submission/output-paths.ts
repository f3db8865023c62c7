// The files that a function writes, by the file name patterns of sbatch.

import type { NodeName } from "../../model/ids.js";
import type { Invocation } from "../../model/invocation.js";
import { fillPattern } from "../../model/records/file-pattern.js";

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
  node: NodeName,
  workingDirectory: string,
): string {
  const names = { ...invocation, user: invocation.owner.user, node };
  const filled = fillPattern(pattern ?? defaultPattern(invocation), names);
  return filled.startsWith("/") ? filled : `${workingDirectory.replace(/\/+$/, "")}/${filled}`;
}
