// Fills the file name patterns of sbatch: %A %a %j %J %x %u %n %N %s %t and %%, with widths as in
// %5j.

import type { NodeName } from "../../model/ids.js";
import type { Invocation } from "../../model/invocation.js";

/** Slurm's default names, so that scripts find their output where they expect it. */
const defaultPattern = (invocation: Invocation): string =>
  invocation.arrayJobId === null ? "slurm-%j.out" : "slurm-%A_%a.out";

/** Slurm pads no wider than this either. */
const maxWidth = 10;

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
  const filled = fillPattern(pattern ?? defaultPattern(invocation), invocation, node);
  return filled.startsWith("/") ? filled : `${workingDirectory.replace(/\/+$/, "")}/${filled}`;
}

/**
 * As in sbatch, a backslash anywhere turns replacement off. An unknown % sequence stays as it is.
 */
export function fillPattern(pattern: string, invocation: Invocation, node: NodeName): string {
  if (pattern.includes("\\")) return pattern.replaceAll("\\", "");
  return pattern.replace(/%(\d*)([%AajJxuNnst])/g, (whole, width: string, letter: string) => {
    const value = replacementFor(letter, invocation, node);
    if (value === null) return whole;
    const digits = Math.min(Number(width || 0), maxWidth);
    return typeof value === "number" ? String(value).padStart(digits, "0") : value;
  });
}

function replacementFor(
  letter: string,
  invocation: Invocation,
  node: NodeName,
): string | number | null {
  switch (letter) {
    case "%":
      return "%";
    case "A":
      return invocation.arrayJobId ?? invocation.id;
    case "a":
      return invocation.arrayTaskId ?? 4294967294; // Slurm's NO_VAL, which sbatch prints outside arrays
    case "j":
    case "J":
      return invocation.id;
    case "x":
      return invocation.name;
    case "u":
      return invocation.owner.user;
    case "N":
      return node.split(".")[0]!;
    case "n":
    case "t":
      return 0;
    case "s":
      return "batch";
    default:
      return null;
  }
}
