// Fills the file name patterns of sbatch and srun: %A %a %j %J %x %u %n %N %s %t and %%, with
// widths as in %5j.

/** Slurm pads no wider than this either. */
const maxWidth = 10;

export interface PatternNames {
  readonly id: number;
  readonly arrayJobId: number | null;
  readonly arrayTaskId: number | null;
  readonly name: string;
  readonly user: string;
  readonly node: string;
  /** The task of a run; a script has none. */
  readonly task?: number;
}

/**
 * As in sbatch, a backslash anywhere turns replacement off. An unknown % sequence stays as it is.
 */
export function fillPattern(pattern: string, names: PatternNames): string {
  if (pattern.includes("\\")) return pattern.replaceAll("\\", "");
  return pattern.replace(/%(\d*)([%AajJxuNnst])/g, (whole, width: string, letter: string) => {
    const value = replacementFor(letter, names);
    if (value === null) return whole;
    const digits = Math.min(Number(width || 0), maxWidth);
    return typeof value === "number" ? String(value).padStart(digits, "0") : value;
  });
}

function replacementFor(letter: string, names: PatternNames): string | number | null {
  switch (letter) {
    case "%":
      return "%";
    case "A":
      return names.arrayJobId ?? names.id;
    case "a":
      return names.arrayTaskId ?? 4294967294; // Slurm's NO_VAL, which sbatch prints outside arrays
    case "j":
      return names.id;
    case "J":
      return names.task === undefined ? names.id : `${names.id}.0`;
    case "x":
      return names.name;
    case "u":
      return names.user;
    case "N":
      return names.node.split(".")[0]!;
    case "n":
      return 0;
    case "t":
      return names.task ?? 0;
    case "s":
      return names.task === undefined ? "batch" : 0;
    default:
      return null;
  }
}
